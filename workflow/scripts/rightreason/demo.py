"""Write the embedded cohort: a synthetic post-mortem chest CT study.

What a case shows comes from its own random numbers, drawn apart for each purpose: the cohort with
the shortcut and the one without it show the same chests, findings and annotations.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason import images
from rightreason.demo_anatomy import Build, paint_chest
from rightreason.demo_annotations import write_annotation
from rightreason.demo_canvas import Canvas, Mask, random_of
from rightreason.demo_dicom import Geometry, write_series
from rightreason.demo_findings import VISIBLE_HU, paint_drowning, paint_haze, paint_hypostasis
from rightreason.demo_plan import (
    ANNOTATION_COLUMNS,
    CASE_COLUMNS,
    EXTERNAL_SITE,
    POSITIVE,
    PlannedCase,
    annotation_rows,
    case_rows,
    plan,
)
from rightreason.demo_raters import rate
from rightreason.demo_scene import add_noise, paint_bag, paint_fold, paint_table
from rightreason.whole import write_whole


@dataclass(frozen=True)
class Picture:
    """One case as painted; arrays are columns first, slices from the lowest up.

    Attributes
    ----------
    hu : (X, Y, Z) array of int16
        HU, at least -1024.
    lungs, body, dense : (X, Y, Z) mask
        Both lungs; the body; the lung that looks dense for whatever reason.
    finding, shortcut : (X, Y, Z) mask
        The truth: findings of drowning, and the fold of wet bag.
    """

    hu: NDArray[np.int16]
    lungs: Mask
    body: Mask
    dense: Mask
    finding: Mask
    shortcut: Mask


def write_cohort(settings: Mapping[str, Any], out: Path) -> None:
    """Write the whole cohort; the same settings give the same bytes.

    Parameters
    ----------
    settings : mapping
        The config's `demo:` section.
    out : path
        The cohort's folder; all that `demo_plan` lists is written into it.
    """
    cases = plan(settings)
    for case in cases:
        _write_case(case, settings, out)
    _write_table(out / "cases.tsv", CASE_COLUMNS, case_rows(cases))
    _write_table(out / "annotations.tsv", ANNOTATION_COLUMNS, annotation_rows(cases))


def paint_case(case: PlannedCase, settings: Mapping[str, Any]) -> Picture:
    """Paint one case on the matrix of the settings."""
    seed = int(settings["seed"])
    x, y, z = settings["matrix"]
    canvas = Canvas.of((int(x), int(y), int(z)))

    def random(purpose: str) -> np.random.Generator:
        return random_of(seed, case.case, purpose)

    build = Build.of(case.sex == "F", random("build"))
    chest = paint_chest(canvas, build, random("chest"))
    if case.hypostasis:
        paint_hypostasis(chest, random("hypostasis"))
    if case.haze:
        paint_haze(chest, random("haze"))
    nothing = np.zeros(canvas.shape, dtype=bool)
    finding = paint_drowning(chest, random("drowning")) if case.label == POSITIVE else nothing
    dense = chest.lungs & (chest.hu > build.lung + VISIBLE_HU)
    paint_table(chest)
    paint_bag(chest, random("bag"))
    shortcut = paint_fold(chest, random("fold")) if case.shortcut else nothing
    external = case.site == EXTERNAL_SITE
    hu = add_noise(chest.hu, 26.0 if external else 18.0, 0.75 if external else 0.6, random("noise"))
    stored = np.rint(hu).astype(np.int16)
    return Picture(stored, chest.lungs, chest.skin < 0, dense, finding, shortcut)


def geometry_of(case: PlannedCase, settings: Mapping[str, Any]) -> Geometry:
    """Return where a case's series lies in the scanner: the table is never at the same place."""
    x, y, _ = settings["matrix"]
    field, slice_mm = float(settings["field_mm"]), float(settings["slice_mm"])
    shift = random_of(int(settings["seed"]), case.case, "table").integers(-60, 61, 3) / 2
    pixel = (field / x, field / y)
    left, top = (-field / 2 + p / 2 + float(s) for p, s in zip(pixel, shift[:2], strict=True))
    return Geometry((left, top, -800.0 + 4 * float(shift[2])), pixel, slice_mm)


def _write_case(case: PlannedCase, settings: Mapping[str, Any], out: Path) -> None:
    seed = int(settings["seed"])
    picture, geometry = paint_case(case, settings), geometry_of(case, settings)
    source = write_series(out / case.image, case, picture.hu, geometry, seed)
    for file, mask in (
        (case.region, picture.lungs),
        (case.truth_finding, picture.finding),
        (case.truth_shortcut, picture.shortcut),
    ):
        _save_upright(out / file, mask, geometry)
    for annotation in case.annotations:
        if annotation.file:
            mask = rate(
                annotation.rater.name,
                picture.finding,
                picture.lungs,
                picture.dense,
                geometry.pixel_mm[0],
            )
            write_annotation(
                out / annotation.file,
                annotation,
                mask,
                picture.body,
                case,
                source,
                geometry,
                seed,
            )


def _save_upright(path: Path, mask: Mask, geometry: Geometry) -> None:
    """Save with rows from the back to the front, on the very grid that dcm2niix gives the CT."""
    affine = geometry.affine
    affine[1, 3] += affine[1, 1] * (mask.shape[1] - 1)
    affine[1, 1] *= -1
    images.save(path, mask[:, ::-1], affine, np.uint8)


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())
