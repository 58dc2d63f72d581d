"""Stage `overlap`: where a model looks, against where each rater and reference marked.

Everything is counted on the CT grid, within the seen region of the model. The measures and their
policies stand in `measures`, chance and perfection in `constant` and `shifts`, the raters' own
scores in `people`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason import pairs
from rightreason.case_files import ModelFiles
from rightreason.curves import pack
from rightreason.errors import InputError
from rightreason.images import Volume, check_same_grid, load
from rightreason.inputs import InputRecord
from rightreason.map_audit import MapAudit, Person, audit_map, persons, rules_of, with_surfaces
from rightreason.masks import region_on_grid
from rightreason.overlap_rows import (
    COLUMNS,
    RATER_COLUMNS,
    SEED_COLUMNS,
    Row,
    left_out_rows,
    map_rows,
    rater_rows,
    seed_rows,
)
from rightreason.placement import SeenRegion, place
from rightreason.places import Places
from rightreason.ranked import RankedMap
from rightreason.reference_files import read_references
from rightreason.references import CodedImage, Mask
from rightreason.scene import Scene
from rightreason.scores import score
from rightreason.seen_places import COLUMNS as PLACE_COLUMNS
from rightreason.seen_places import place_rows
from rightreason.shifts import Shifts
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole

AGREEMENT_COLUMNS = ("case", "within", "marked_by", "voxels")
TABLES: dict[str, Sequence[str]] = {
    "table": COLUMNS,
    "raters": RATER_COLUMNS,
    "pairs": pairs.COLUMNS,
    "places": PLACE_COLUMNS,
    "agreement": AGREEMENT_COLUMNS,
    "seeds": SEED_COLUMNS,
}
"""Columns of the tables of a case, by the names of the rule's outputs."""

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """One case: its references, its CT and its region on the CT grid."""

    name: str
    coded: CodedImage
    ct: Volume
    region: Mask | None


@dataclass(frozen=True)
class View:
    """One case as the models of one kind of input see it."""

    record: InputRecord
    scene: Scene
    lean: Scene
    people: Mapping[str, Person]
    places: Places


def score_case(
    case: str,
    models: Mapping[str, ModelFiles],
    annotations: Path,
    volume: Path,
    region: Path | None,
    settings: Mapping[str, Any],
    out: Mapping[str, Path],
) -> None:
    """Score every map of one case against every reference, chance and the raters.

    Parameters
    ----------
    case : str
        Case id.
    models : mapping of model to ModelFiles
        In the order of the config.
    annotations, volume : path
        The case's folder under `results/annotate/`, and its CT.
    region : path or None
        The case's region mask.
    settings : mapping
        Section `overlap` of the config, `distances` resolved to a list of binarisations.
    out : mapping of `table`, `raters`, `pairs`, `places`, `agreement`, `seeds`, `curves` to path
        Outputs.

    Raises
    ------
    InputError
        When images do not fit together, or a map holds NaN or infinite values.
    """
    coded = read_references(annotations)
    ct = load(volume)
    check_same_grid(ct.grid, coded.grid, f"The CT of {case}", "its annotations")
    mask = None if region is None else region_on_grid(region, ct.grid, case)
    about = Case(case, coded, ct, mask)
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    views: dict[str, View] = {}
    seen: dict[str, pairs.Seen] = {}
    curves: dict[str, dict[str, NDArray[np.float64]]] = {}
    for model, files in models.items():
        record = InputRecord.read(files.record)
        check_same_grid(record.ct_grid, ct.grid, f"The prepared image of {case}", "its CT")
        if record.kind not in views:
            views[record.kind] = _view(about, record, settings)
        view = views[record.kind]
        maps = {method: place(load_map(path), record) for method, path in files.maps.items()}
        seen[model] = pairs.Seen(record, maps, view.lean.references)
        audits = _audit_model(case, files, maps, view, settings)
        curves |= {f"{model}/{a.method}/{a.part}": a.curves for a in audits}
        _tabulate(about, model, audits, view, tables)
        tables["seeds"] += _seeds(about, model, files, view, settings)
    tables["pairs"] = list(pairs.pair_rows(case, seen, settings["binarisations"]))
    tables["agreement"] = list(_agreement(about, [view.record for view in views.values()]))
    for name, columns in TABLES.items():
        write_whole(out[name], to_tsv(columns, tables[name]))
    names = [key.name for key in coded.patterns.of_all_raters().keys]
    write_whole(out["curves"], pack(names, curves))


def load_map(path: Path) -> Volume:
    """Read a saliency map; NaN or infinite values are an error."""
    volume = load(path)
    if not np.isfinite(volume.data).all():
        raise InputError(
            f"The saliency map {path} holds NaN or infinite values, which cannot be scored. Remove "
            "it and run again; if it comes back, look for NaN in the network's weights."
        )
    return volume


def lent_maps(
    donors: Sequence[tuple[InputRecord, Mapping[str, Path]]], method: str
) -> list[tuple[InputRecord, Volume]]:
    """Read the donors' maps; one that holds NaN stops its own case only, and lends nothing."""
    maps = [(record, load(paths[method])) for record, paths in donors]
    return [(record, volume) for record, volume in maps if np.isfinite(volume.data).all()]


def _view(about: Case, record: InputRecord, settings: Mapping[str, Any]) -> View:
    scene = Scene.of(about.coded, record, about.region, settings["tolerance_mm"])
    places = Places.of(about.ct, record, about.region)
    people = persons(scene, measure_surfaces=bool(settings["distances"]))
    return View(record, scene, scene.of_all_raters(), people, places)


def _audit_model(
    case: str, files: ModelFiles, maps: Mapping[str, Values], view: View,
    settings: Mapping[str, Any],
) -> list[MapAudit]:  # fmt: skip
    """Score every part of every method's map; surface distances last, all regions together."""
    shifts = Shifts.of(view.lean, settings["shifts"], seed=case)
    donors = [(InputRecord.read(record), paths) for record, paths in files.donors]
    audits = []
    for method, values in maps.items():
        given = lent_maps(donors, method)
        audits += [
            audit_map(method, part, values, view.scene, view.lean, shifts, given, view.record,
                      settings)
            for part in parts_of(settings["binarisations"])
        ]  # fmt: skip
    return with_surfaces(audits, view.scene, view.people, settings)


def parts_of(binarisations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the parts of a map that the binarisations keep, in their order."""
    return list(dict.fromkeys(rule["part"] for rule in binarisations.values()))


def _tabulate(
    about: Case, model: str, audits: Sequence[MapAudit], view: View, tables: dict[str, list[Row]]
) -> None:
    """Add one model's rows to the tables."""
    references = view.scene.references
    for audit in audits:
        keys = {"case": about.name, "model": model, "method": audit.method}
        whole = audit.found.of_all_raters(view.scene)
        voxel = about.ct.grid.voxel_mm3
        tables["table"] += map_rows(keys, whole, view.lean.references, audit.beside, voxel)
        tables["raters"] += left_out_rows(keys, audit.found, references)
        tables["places"] += place_rows(keys, audit.ranked, whole, view.lean, view.places)
    people = {rater: person.found for rater, person in view.people.items()}
    if len(people) > 1:
        tables["raters"] += rater_rows(about.name, model, people, references)


def _seeds(
    about: Case, model: str, files: ModelFiles, view: View, settings: Mapping[str, Any]
) -> Iterable[Row]:
    for method, paths in files.seeds.items():
        for seed, path in enumerate(paths):
            values = place(load_map(path), view.record)
            for part in parts_of(settings["binarisations"]):
                ranked = RankedMap.of(values, part)
                found = score(ranked, view.lean, part, rules_of(part, settings))
                keys = {"case": about.name, "model": model, "method": method}
                yield from seed_rows(keys, seed, found, view.lean.references)


def _agreement(about: Case, records: Sequence[InputRecord]) -> Iterable[Row]:
    """Count who marked what in the region, or where there is none in all that a model saw."""
    if about.region is not None:
        within, where = "region", about.region
    else:
        within, where = "seen", np.zeros(about.ct.grid.shape, dtype=np.bool_)
        for record in records:
            where[np.ix_(*SeenRegion.of(record).axes)] = True
    patterns = about.coded.patterns
    counts: dict[str, int] = {}
    for marked, voxels in zip(patterns.marked, about.coded.counts(where), strict=True):
        who = "+".join(r for r, m in zip(patterns.raters, marked, strict=True) if m)
        counts[who] = counts.get(who, 0) + int(voxels)
    for who, voxels in counts.items():
        yield {"case": about.name, "within": within, "marked_by": who, "voxels": voxels}
