"""A small finished study, made by hand: tables from a random generator, images of a toy chest."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
from rightreason.cohort_table import write_cohort
from rightreason.images import save
from rightreason.inputs import InputRecord
from rightreason.overlap import CHANCE_COLUMNS
from rightreason.overlap import COLUMNS as OVERLAP_COLUMNS
from rightreason.report import write_report
from rightreason.summary import summarise

SHAPE = (48, 40, 12)
AFFINE = np.array([[-4.0, 0, 0, 96], [0, -4, 0, 80], [0, 0, 8, -300], [0, 0, 0, 1]])
MODELS = {"planar": "slices", "block": "volume"}
METHODS = {"gradcam": {"algorithm": "gradcam"}, "ig": {"algorithm": "integrated_gradients"}}
REFERENCES = ["r1", "r2", "r3", "majority", "union", "intersection"]
BINARISATIONS = {
    "otsu": {"rule": "otsu", "part": "positive", "percent": None},
    "top10": {"rule": "top", "part": "positive", "percent": 10.0},
}


def fake_config(models: tuple[str, ...] = tuple(MODELS), **headline: str) -> dict[str, Any]:
    """Return a resolved config; `headline` changes its defaults."""
    return {
        "classes": ["other", "drowning"],
        "positive": "drowning",
        "external_sites": ["B"],
        "models": {m: {"input": MODELS[m], "network": "DenseNet121"} for m in models},
        "convert": {
            "gap": "error",
            "uneven_spacing": "resample",
            "tilt": "correct",
            "repeated_position": "error",
        },
        "annotate": {"outside": "error", "max_volume_change": 0.05, "fractional_threshold": 0.5},
        "prepare": {"window": [-1000, 400], "margin_mm": 40},
        "train": {"folds": 5},
        "saliency": {"target": "positive", "methods": METHODS},
        "overlap": {"binarisations": BINARISATIONS, "shifts": 200},
        "summary": {"bootstrap": 200, "confidence": 0.95, "seed": 0},
        "headline": {
            "method": "gradcam",
            "reference": "union",
            "binarisation": "otsu",
            "subset": "correct",
            **headline,
        },
        "report": {"title": "A made-up study", "window": [-1350, 150], "allow_missing": False},
    }


@dataclass
class Fakes:
    """A finished study in a folder; `arguments` are those of `write_report`."""

    folder: Path
    arguments: dict[str, Any]


def fake_study(
    folder: Path, n: int = 12, external: int = 4, seed: int = 0, site: str = "A",
    ratios: dict[str, float] | None = None, config: dict[str, Any] | None = None,
    records: dict[str, dict[str, Any]] | None = None,
    slices: dict[str, dict[str, int]] | None = None,
) -> Fakes:  # fmt: skip
    """Write tables and images of `n` training and `external` external cases, half of each positive.

    `ratios` overrides the irrelevant ratio of single cases, for every map, `records` keys of their
    records of `convert`, `slices` how many slices their raters marked (of 10 mm³ each).
    """
    rng = np.random.default_rng(seed)
    config = config or fake_config()
    cases = {
        f"c{i:02d}": {
            "patient": f"p{i:02d}",
            "site": site if i < n else "B",
            "label": "drowning" if i % 2 else "other",
        }
        for i in range(n + external)
    }
    predictions = {model: folder / "predict" / f"{model}.tsv" for model in config["models"]}
    scores = {
        model: {c: _probability(rng, v["label"] == "drowning") for c, v in cases.items()}
        for model in config["models"]
    }
    for model, path in predictions.items():
        rows = [[c, v["site"], 0, v["label"], scores[model][c]] for c, v in cases.items()]
        write_tsv(path, ["case", "site", "fold", "label", "probability"], rows)
    positives = [case for case, row in cases.items() if row["label"] == "drowning"]
    annotated = positives[1:] if len(positives) > 3 else positives
    tables = [_overlap(folder, rng, case, scores, ratios or {}) for case in annotated]
    for case in annotated:
        _images(folder, rng, case)
    for case in cases:
        write_record(folder / f"convert/{case}.json", **(records or {}).get(case, {}))
        for kind in MODELS.values():
            path = folder / f"prepare/{kind}/{case}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(fake_record(kind).to_json())
    for case in annotated:
        marked = {"r1": 6, "r2": 5, "r3": 4} | (slices or {}).get(case, {})
        write_marks(folder / f"annotate/{case}/raters.tsv", marked)
    for model in config["models"]:
        for method in METHODS:
            rows = [[case, "" if case != "c02" else "no positive evidence"] for case in cases]
            write_tsv(folder / f"saliency/{model}/{method}.tsv", ["case", "reason"], rows)
    performance = folder / "summary" / "performance.tsv"
    overlap = folder / "summary" / "overlap.tsv"
    summarise(
        [table for table, _ in tables], predictions, cases, config["external_sites"],
        config["positive"], config["summary"], performance, overlap,
    )  # fmt: skip
    write_cohort(
        cases, {case: ["r1", "r2", "r3"] for case in annotated},
        sorted({MODELS[model] for model in config["models"]}), folder,
        folder / "summary" / "cohort.tsv",
    )  # fmt: skip
    arguments = {
        "config": config,
        "cases": cases,
        "annotated": annotated,
        "results": folder,
        "out": folder / "report" / "index.html",
    }
    return Fakes(folder, arguments)


def page_of(fakes: Fakes) -> str:
    """Write the page and return it."""
    write_report(**fakes.arguments)
    return fakes.arguments["out"].read_text()


def rows_under(page: str, caption: str) -> list[list[str]]:
    """Return the cells of the table whose caption starts so."""
    start = page.index(f"<caption>{caption}")
    body = page[start : page.index("</table>", start)].split("<tbody>")[1]
    return [
        [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.DOTALL)]
        for row in body.split("<tr>")[1:]
    ]


def write_tsv(path: Path, columns: list[str], rows: list[list[Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_record(path: Path, **other: Any) -> Path:
    """Write a record of `convert` of 12 slices, 8 mm apart."""
    record = {
        "shape": list(SHAPE), "spacing_mm": [4.0, 4.0, 8.0], "slice_axis": 2,
        "manufacturer": "Maker", "scanner": "Model 1", "kernel": "B30",
        "left_out": [{"reason": "localizer", "files": [0]}], "corrections": [], **other,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def write_marks(path: Path, slices: dict[str, int]) -> Path:
    """Write a `raters.tsv` of `annotate`; a slice has 5 voxels and 10 mm³."""
    columns = ["rater", "slices", "voxels", "volume_mm3", "staple_sensitivity",
               "staple_specificity"]  # fmt: skip
    return write_tsv(path, columns, [[r, n, 5 * n, 10 * n, "", ""] for r, n in slices.items()])


def _probability(rng: np.random.Generator, positive: bool) -> float:
    return round(float(1 / (1 + np.exp(-rng.normal(1.6 if positive else -1.6, 1.5)))), 4)


def _overlap(folder, rng, case, scores, ratios):
    rows, chance = [], []
    for model in scores:
        own = ratios.get(case, float(rng.beta(2, 2)))
        for method in METHODS:
            for reference in REFERENCES:
                for name in BINARISATIONS:
                    ratio = ratios.get(case, round(min(1, max(0, own + rng.normal(0, 0.05))), 4))
                    empty = np.isnan(ratio)
                    keys = {"case": case, "model": model, "method": method,
                            "reference": reference, "binarisation": name}  # fmt: skip
                    row = dict.fromkeys(OVERLAP_COLUMNS, 0.5) | keys | {
                        "label": "drowning", "probability": scores[model][case],
                        "correct": str(scores[model][case] >= 0.5).lower(),
                        "seen_voxels": 9000, "important_voxels": 700, "voxel_mm3": 128.0,
                        "attended_voxels": 0 if empty else 500,
                        "overlap_voxels": 0 if empty else 500 * (1 - ratio),
                        "irrelevant_ratio": "" if empty else ratio,
                        "chance_irrelevant_ratio": 0.78,
                    }  # fmt: skip
                    rows.append([row[column] for column in OVERLAP_COLUMNS])
                    low = round(0.78 - float(rng.uniform(0.1, 0.3)), 3)
                    limits = ["", ""] if empty else [low, round(min(1, low + 0.3), 3)]
                    chance.append([*keys.values(), 200, *limits])
    return (
        write_tsv(folder / f"overlap/{case}.tsv", OVERLAP_COLUMNS, rows),
        write_tsv(folder / f"overlap/{case}.chance.tsv", CHANCE_COLUMNS, chance),
    )


def _images(folder, rng, case):
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    body = x**2 / 0.85 + y**2 / 0.55 < 1
    lungs = ((np.abs(x) - 0.42) ** 2 / 0.09 + y**2 / 0.2 + z**2 / 1.4) < 1
    finding = lungs & ((x - 0.4) ** 2 + (y - 0.1) ** 2 + z**2 < 0.16)
    ct = np.where(body, 40, -1000)
    ct = np.where(lungs, -850, ct) + finding * 350 + rng.normal(0, 25, SHAPE)
    save(folder / f"convert/{case}.nii.gz", ct, AFFINE, np.int16)
    votes = finding * 1 + (finding & (x > 0.35)) + (finding & (y > 0.1) & (x > 0.3))
    save(folder / f"annotate/{case}/votes.nii.gz", votes, AFFINE, np.uint8, "raters=3")
    for model, kind in MODELS.items():
        record = fake_record(kind)
        u, v, w = np.meshgrid(*(np.linspace(-1, 1, n) for n in record.shape), indexing="ij")
        spot = np.exp(-((u - 0.45) ** 2 + (v - 0.3) ** 2 + (w + 0.1) ** 2) / 0.1)
        values = (spot + 0.2 * rng.random(record.shape)) * 0.03 - 0.004
        for method in METHODS:
            save(folder / f"saliency/{model}/{method}/{case}.nii.gz", values, record.grid.affine,
                 np.float32)  # fmt: skip


def fake_record(kind: str) -> InputRecord:
    """Describe a box that leaves four voxels of the CT out at either side of x and y."""
    box = [[4, 44], [4, 36], [0, 12]]
    step = 2 if kind == "slices" else 1
    count = 20 if kind == "slices" else 10
    affine = AFFINE.copy()
    scale = np.array([40 / count, 32 / 16, 1.0])
    affine[:3, :3] = AFFINE[:3, :3] * scale
    # The first voxel of the map starts where the first voxel of the box starts.
    affine[:3, 3] = AFFINE[:3, :3] @ (np.array([4, 4, 0]) + (scale - 1) / 2) + AFFINE[:3, 3]
    return InputRecord(
        kind=kind, shape=(count, 16, 12), affine=affine.tolist(), ct_shape=SHAPE,
        ct_affine=AFFINE.tolist(), box=box, ct_slice_axis=2,
        slices=list(range(0, 12, step)) if kind == "slices" else [],
        ct_slices=list(range(0, 12, step)) if kind == "slices" else [],
    )  # fmt: skip
