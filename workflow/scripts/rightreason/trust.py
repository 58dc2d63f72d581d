"""Stage `trust`: what the tests of one method's maps measure, case by case.

The maps are made anew, by the method as the stage `saliency` uses it, of one out-of-fold network
for each case: that of the first seed. Nothing is judged here: limits are no part of a job that
runs networks (see `trust_table`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from rightreason.batch_size import BatchSize
from rightreason.committee import Committee
from rightreason.probabilities import Fold
from rightreason.trust_batch import batch_difference
from rightreason.trust_completeness import completeness_gap
from rightreason.trust_faithfulness import FILLS, areas, elsewhere, filled, gain, places
from rightreason.trust_randomisation import randomisation
from rightreason.trust_repeatability import over_seeds, under_noise, under_shift
from rightreason.trust_similarity import is_flat
from rightreason.trust_subjects import COLUMNS, POSITIVE, Row, Subject, areas_rows, subjects
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole


def measure_trust(
    images: Mapping[str, Path],
    committees: Mapping[Fold, Committee],
    folds: Mapping[str, Fold],
    model: Mapping[str, Any],
    method: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write what the tests measure of the maps of one model and method.

    Parameters
    ----------
    images : mapping of case to path
        Prepared images.
    committees : mapping of fold to committee
        The networks that never saw the patients of a fold, by seed.
    folds : mapping of case to fold
        The cases to look at, all of the positive class; one without an image is left out.
    model : mapping
        `network`, `options`, `channels`, `target_layer`.
    method : mapping
        `algorithm` and its settings.
    settings : mapping
        `device`, `threads`; `batch`, halved where the device's memory is full; section `trust` of
        the config, its `tests` those of this job.
    out : path
        Table (TSV) with `trust_subjects.COLUMNS`.

    Raises
    ------
    InputError
        When images or weights do not fit the network, or one sample not the device.
    """
    found: list[Row] = []
    batch = BatchSize(int(settings["batch"]))
    for subject in subjects(images, committees, folds, model, method, settings, batch):
        for test in settings["tests"]:
            for part in _parts(test, subject):
                make = partial(measured, test, part, settings)
                found += batch.fitting(", ".join(part.inputs), make)
    write_whole(out, to_tsv(COLUMNS, sorted(found, key=lambda row: row["case"])))


def _parts(test: str, subject: Subject) -> Iterable[Subject]:
    """Divide a test into what is done anew when the device is full."""
    # The cases of a network share each step of its randomisation.
    return [subject] if test == "randomisation" else map(subject.alone, subject.inputs)


def measured(test: str, subject: Subject, settings: Mapping[str, Any], batch: int) -> list[Row]:
    """Return the rows of one test; parameters as of `measure_trust`, and most samples at once."""
    return [{"test": test, "step": None, **row} for row in TESTS[test](subject, settings, batch)]


def _batch(subject: Subject, settings: Mapping[str, Any], batch: int) -> Iterator[Row]:
    # With one sample at a time there is no batch to depend on.
    for case, x in subject.inputs.items() if batch > 1 else ():
        value = batch_difference(subject.network, subject.map_at(batch), x)
        yield {"case": case, "measure": "difference", "value": value}


def _completeness(subject: Subject, settings: Mapping[str, Any], batch: int) -> Iterator[Row]:
    if subject.method["algorithm"] != "integrated_gradients":
        return
    for case, x in subject.inputs.items():
        of = subject.maps[case], POSITIVE, subject.method["baseline"], batch
        yield {"case": case, "measure": "gap", "value": completeness_gap(subject.network, x, *of)}


def _randomisation(subject: Subject, settings: Mapping[str, Any], batch: int) -> Iterator[Row]:
    # Statistics come from as many samples as the config says, also where fewer fit at once.
    how = settings["stages"], settings["seed"], settings["batch"], batch
    maps = subject.map_at(batch)
    left = randomisation(subject.network, maps, subject.inputs, subject.maps, *how)
    for case, stages in left.items():
        for stage in stages:
            at = {"case": case, "step": round(stage.share, 4)}
            yield {**at, "measure": "rank_correlation", "value": stage.rank_correlation}
            yield {**at, "measure": "ssim", "value": stage.ssim}


def _faithfulness(subject: Subject, settings: Mapping[str, Any], batch: int) -> Iterator[Row]:
    how = POSITIVE, settings["steps"], batch
    for case, x in subject.inputs.items():
        maps = subject.maps[case]
        if not torch.isfinite(maps).all() or is_flat(maps):
            continue
        order = places(maps)
        orders = [order, *elsewhere(order, settings["orders"], settings["seed"])]
        for fill in FILLS:
            own, *others = areas(subject.network, x, filled(x, fill), orders, *how)
            yield from areas_rows(case, fill, own)
            yield {"case": case, "measure": f"gain_{fill}", "value": gain(own, others)}


def _repeatability(subject: Subject, settings: Mapping[str, Any], batch: int) -> Iterator[Row]:
    network, map_of = subject.network, subject.map_at(batch)
    for case, x in subject.inputs.items():
        given, true = (network, map_of, x), subject.maps[case]
        values = {
            "noise": under_noise(*given, true, settings["noise"], settings["seed"]),
            "shift": under_shift(*given, true, settings["shift"]),
        }
        if len(subject.networks) > 1:
            others = [map_of(one, x) for one in subject.networks[1:]]
            values["seeds"] = over_seeds([true, *others])
        for measure, value in values.items():
            yield {"case": case, "measure": measure, "value": value}


TESTS = {
    "batch": _batch,
    "completeness": _completeness,
    "randomisation": _randomisation,
    "faithfulness": _faithfulness,
    "repeatability": _repeatability,
}
