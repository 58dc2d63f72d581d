"""What the measures of one map cost, beside a plain loop over the same with Quantus and MONAI.

A map of 28 slices of 512 x 512 seen voxels against eight references (four raters, four consensus
rules): sorted, binarised four ways, all measures and curves. Surface distances and the shifted and
shuffled chance stand apart. The peers' loop goes slice by slice for what Quantus measures, and is
run for one reference and scaled to eight; MONAI's distances are whole volumes. Everything in one
run, in turns; medians of wall clock; one thread each.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rightreason.constant import constant, perfect
from rightreason.curves import curves
from rightreason.distances import SeenGeometry, surface
from rightreason.donors import transplant
from rightreason.inputs import InputRecord
from rightreason.ranked import Marks, RankedMap
from rightreason.references import References, encode, staples_without
from rightreason.scene import Scene
from rightreason.scores import score
from rightreason.shifts import Shifts, summarise
from rightreason.staple import staple
from rightreason.surfaces import surface_distances, whole_voxels
from scipy import ndimage

SHAPE, SPACING = (512, 512, 28), (0.7, 0.7, 10.0)
RULES: dict[str, dict[str, Any]] = {
    "otsu": {"rule": "otsu"},
    "half": {"rule": "half"},
    "top10": {"rule": "top", "percent": 10},
    "area": {"rule": "area"},
}
SHIFTS, DONORS = 200, 5
REPETITIONS = 5
AIM_S, AIM_GB = 2.0, 1.0


def findings(rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """Draw what four raters marked: twelve ellipsoids in two lungs, each a little other."""
    grid = np.meshgrid(
        *(np.arange(n, dtype=np.float32) * s for n, s in zip(SHAPE, SPACING, strict=True)),
        indexing="ij",
        sparse=True,
    )
    masks = {f"r{k}": np.zeros(SHAPE, dtype=np.bool_) for k in range(1, 5)}
    for _ in range(12):
        centre = np.array([rng.choice([110, 250]), 180, 140]) + rng.normal(0, [20, 40, 50])
        radii = rng.uniform(6, 18, 3)
        for mask in masks.values():
            at, size = centre + rng.normal(0, 2, 3), radii * rng.uniform(0.8, 1.2)
            mask |= sum(((g - c) / r) ** 2 for g, c, r in zip(grid, at, size, strict=True)) <= 1
    return masks


def saliency(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a map as Grad-CAM gives it: 7 x 7 cells a slice, interpolated."""
    coarse = ndimage.gaussian_filter(rng.normal(size=(7, 7, SHAPE[2])), (0.7, 0.7, 1))
    zoom = (SHAPE[0] / 7, SHAPE[1] / 7, 1)
    placed: NDArray[np.float32] = ndimage.zoom(coarse, zoom, order=1).astype(np.float32)
    return placed


def record() -> InputRecord:
    """Describe an input whose every CT slice was seen, 224 x 224 pixels."""
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    small = affine.copy()
    small[:2, :2] *= SHAPE[0] / 224
    small[:2, 3] = affine[0, 0] * (SHAPE[0] / 224 - 1) / 2
    slices = list(range(SHAPE[2]))
    box = [[0, n] for n in SHAPE]
    return InputRecord("slices", (224, 224, SHAPE[2]), small.tolist(), SHAPE, affine.tolist(),
                       box, 2, slices, slices)  # fmt: skip


class Case:
    """One made-up case: references, geometry, a map."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.masks = findings(rng)
        coded = encode(self.masks, {"": staple(self.masks).mask, **staples_without(self.masks)})
        codes = coded.codes.ravel()
        at = np.flatnonzero(codes)
        self.references = References(coded.patterns, codes.size, at, codes[at].astype(np.int64))
        x, y, z = (np.arange(n) * step for n, step in zip(SHAPE, SPACING, strict=True))
        self.geometry = SeenGeometry((x, y, z), 2)
        self.values = saliency(rng)
        self.donor = rng.normal(size=(224, 224, SHAPE[2])).astype(np.float32)

    def scene(self) -> Scene:
        """Return the references of all raters, nothing made yet."""
        return Scene(self.references.of_all_raters(), self.geometry, 10.0, None)


def ours(case: Case) -> dict[str, Callable[[], Any]]:
    """Return what is timed of the stage."""
    scene = case.scene()
    ranked = RankedMap.of(case.values, "positive")
    found = score(ranked, scene, "positive", RULES)
    shifts = Shifts.of(scene, SHIFTS, "case")
    attended = whole_voxels(ranked, found.regions["otsu"].cuts[0]).reshape(SHAPE)
    where = record()

    def measures() -> None:
        fresh = case.scene()
        own = RankedMap.of(case.values, "positive")
        scores = score(own, fresh, "positive", RULES)
        constant(fresh, scores, "positive")
        perfect(fresh.references, "positive", RULES)
        curves(own, Marks.of(own, fresh.references), fresh.references)

    return {
        "all measures and curves, 8 references": measures,
        f"shifted chance, {SHIFTS} shifts": lambda: summarise(
            found, shifts.score(ranked, scene, "positive", found), (5, 95)
        ),
        "shuffled chance, one donor": lambda: score(
            RankedMap.of(transplant(case.donor, where, where), "positive"), scene, "positive", RULES
        ),
        "surface distances of one region, 8 references": lambda: surface_distances(
            [surface(attended)], scene
        ),
    }


def peers(case: Case) -> dict[str, Callable[[], Any]]:
    """Return the peers' loops for one reference; a slice without marks is left out by Quantus."""
    import quantus
    import torch
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_iou,
    )

    mask = case.masks["r1"]
    part = np.maximum(case.values, 0)
    attended = part > part.max() / 2
    measures = [
        quantus.PointingGame, quantus.RelevanceMassAccuracy, quantus.RelevanceRankAccuracy,
        quantus.AUC,
    ]  # fmt: skip
    options = {"abs": True, "normalise": False, "disable_warnings": True,
               "display_progressbar": False}  # fmt: skip
    marked = [k for k in range(SHAPE[2]) if mask[:, :, k].any()]
    tops = [quantus.TopKIntersection(k=int(SHAPE[0] * SHAPE[1] * p), **options)
            for p in (0.01, 0.05, 0.1)]  # fmt: skip
    metrics = [metric(**options) for metric in measures] + tops
    tensors = [torch.from_numpy(m[None, None].astype(np.float32)) for m in (attended, mask)]

    def localisation() -> None:
        for k in marked:
            batch = part[None, None, :, :, k].astype(np.float64)
            for metric in metrics:
                metric(model=None, x_batch=np.zeros_like(batch), y_batch=np.zeros(1, int),
                       a_batch=batch, s_batch=mask[None, None, :, :, k])  # fmt: skip

    def areas() -> None:
        for _ in RULES:
            compute_dice(*tensors)
            compute_iou(*tensors)

    def distances() -> None:
        compute_average_surface_distance(*tensors, symmetric=True, spacing=SPACING)
        compute_hausdorff_distance(*tensors, percentile=95, spacing=SPACING)

    return {
        "Quantus: 7 measures, slice by slice, 1 reference": localisation,
        "MONAI: Dice and IoU, 4 regions, 1 reference": areas,
        "MONAI: both surface distances, 1 reference": distances,
    }


def main(repetitions: int) -> None:
    """Measure and print a table."""
    warnings.simplefilter("ignore")
    case = Case(0)
    before = peak_gb()
    tasks = ours(case)
    for task in tasks.values():
        task()
    added = peak_gb()
    others = peers(case)
    times: dict[str, list[float]] = {name: [] for name in (*tasks, *others)}
    for turn in range(repetitions):
        for name, task in (tasks | (others if turn < 2 else {})).items():
            started = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - started)
    print("| what | median, s | range, s |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.2f} | {min(found):.2f} to {max(found):.2f} |")
    own = statistics.median(times["all measures and curves, 8 references"])
    theirs = 8 * sum(statistics.median(times[name]) for name in list(others)[:2])
    print(
        f"\nmarked voxels: {len(case.references.at)} of {case.references.size}\n"
        f"all measures and curves: {own:.2f} s (aim: at most {AIM_S:g}, "
        f"{'met' if own <= AIM_S else 'missed'})\n"
        f"peak memory of the process: {added:.2f} GB, {before:.2f} GB with the case made "
        f"(aim: at most {AIM_GB:g}, {'met' if added <= AIM_GB else 'missed'})\n"
        f"Quantus and MONAI without distances, scaled to 8 references: {theirs:.0f} s, "
        f"{theirs / own:.0f} times as long"
    )


def peak_gb() -> float:
    """Return the largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS)
