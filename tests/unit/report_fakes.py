"""A small finished study, made by hand: tables from a random generator, images of a toy chest."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import unescape
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rightreason import figures
from rightreason.cohort_table import write_cohort
from rightreason.images import save
from rightreason.inputs import InputRecord
from rightreason.report import write_report
from rightreason.report_data import Study, read_study
from rightreason.summary import summarise
from rightreason.usable import write_failed

from tests.unit.overlap_fakes import AREA, CONSENSUS, FakeCase, FakeStudy, write_study

SHAPE = (48, 40, 12)
AFFINE = np.array([[-4.0, 0, 0, 96], [0, -4, 0, 80], [0, 0, 8, -300], [0, 0, 0, 1]])
MODELS = {"planar": "slices", "block": "volume"}
METHODS = {"gradcam": {"algorithm": "gradcam"}, "ig": {"algorithm": "integrated_gradients"}}
RATERS = ("r1", "r2", "r3")
PATTERNS = {"": 80, "r1": 2, "r1+r2": 6, "r1+r2+r3": 12}
SEEN, IMPORTANT, ATTENDED = 100, 22, 10
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
        "models": {
            m: {"input": MODELS[m], "network": "DenseNet121", "target_layer": None} for m in models
        },
        "convert": {
            "gap": "error",
            "uneven_spacing": "resample",
            "tilt": "correct",
            "repeated_position": "error",
        },
        "annotate": {"outside": "error", "max_volume_change": 0.05, "fractional_threshold": 0.5},
        "prepare": {"window": [-1000, 400], "margin_mm": 40},
        "train": {"folds": 5, "seeds": 1},
        "shards": 1,
        "saliency": {"target": "positive", "methods": METHODS},
        "trust": {"tests": [], "limits": {}},
        "overlap": {
            "binarisations": BINARISATIONS,
            "shifts": 200,
            "tolerance_mm": 10.0,
            "distances": None,
            "percentiles": [5.0, 95.0],
            "donors": 5,
        },
        "summary": {
            "bootstrap": 200,
            "permutations": 999,
            "confidence": 0.95,
            "seed": 0,
            "strata": [],
        },
        "headline": {
            "method": "gradcam",
            "reference": "union",
            "binarisation": "otsu",
            "subset": "correct",
            **headline,
        },
        "report": {
            "title": "A made-up study",
            "language": "en",
            "window": [-1350, 150],
            "colours": "inferno",
            "view_size": [256, 256, 64],
            "inline": False,
            "dicom": False,
            "allow_missing": False,
        },
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
    slices: dict[str, dict[str, int]] | None = None, raters: tuple[str, ...] = RATERS,
    annotate: bool = True, **fake: Any,
) -> Fakes:  # fmt: skip
    """Write tables and images of `n` training and `external` external cases, half of each positive.

    `ratios` overrides the irrelevant ratio of single cases, for every map, `records` keys of their
    records of `convert`, `slices` how many slices their raters marked (of 10 mm³ each); `fake` are
    attributes of every `FakeCase`. All positive cases but the first are annotated, or none.
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
    positives = [case for case, row in cases.items() if row["label"] == "drowning"]
    annotated = (positives[1:] if len(positives) > 3 else positives) if annotate else []
    fakes = {
        case: _fake_case(rng, about, config, raters if case in annotated else (),
                         (ratios or {}).get(case), fake)
        for case, about in cases.items()
    }  # fmt: skip
    areas = (*AREA, "relative_area")
    about = FakeStudy(tuple(config["models"]), tuple(METHODS), tuple(BINARISATIONS), areas)
    write_study(folder, fakes, about)
    for case in annotated:
        _images(folder, rng, case)
        marked = {"r1": 6, "r2": 5, "r3": 4} | (slices or {}).get(case, {})
        write_marks(folder / f"annotate/{case}/raters.tsv", {r: marked[r] for r in raters})
    for case in cases:
        write_record(folder / f"convert/{case}.json", **(records or {}).get(case, {}))
        for kind in MODELS.values():
            path = folder / f"prepare/{kind}/{case}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(fake_record(kind).to_json())
    for model in config["models"]:
        write_trainings(folder / "train" / model, **config["train"])
        for method in METHODS:
            rows = [[case, "" if case != "c02" else "no positive evidence"] for case in cases]
            write_tsv(
                folder / f"saliency/{model}/{method}/shard0/maps.tsv", ["case", "reason"], rows
            )
    summarise_fakes(folder, config, cases, {case: list(raters) for case in annotated})
    out = folder / "report" / "index.html"
    arguments = {"config": config, "cases": cases, "results": folder, "out": out}
    # By hand: nothing has a record of how it was made.
    return Fakes(folder, {**arguments, "check": lambda paths: None})


def _fake_case(
    rng: np.random.Generator, about: dict[str, str], config: dict[str, Any],
    raters: tuple[str, ...], ratio: float | None, fake: dict[str, Any],
) -> FakeCase:  # fmt: skip
    positive = about["label"] == "drowning"
    low = round(0.78 - float(rng.uniform(0.1, 0.3)), 3)
    own = {model: float(rng.beta(2, 2)) for model in config["models"]}
    maps = {
        (*names, cut): round(float(np.clip(own[names[0]] + rng.normal(0, 0.05), 0, 1)), 4)
        for names in product(own, METHODS, [*RATERS, *CONSENSUS, "votes"])
        for cut in (*BINARISATIONS, "positive")
    }
    given = {
        "ratio": (lambda *names: maps[names]) if ratio is None else ratio,
        "probability": {model: _probability(rng, positive) for model in config["models"]},
        "important": IMPORTANT, "attended": ATTENDED, "seen": SEEN,
        "limits": (low, round(min(1, low + 0.3), 3)), "raters": raters,
        "patterns": PATTERNS if len(raters) == 3 else {"": 80, "r1": 20},
    }  # fmt: skip
    return FakeCase(about["patient"], about["site"], about["label"], **(given | fake))


def summarise_fakes(
    folder: Path, config: dict[str, Any], cases: dict[str, dict[str, str]],
    raters: dict[str, list[str]],
) -> None:  # fmt: skip
    """Run `summary` over what was written."""
    study = {
        "external_sites": config["external_sites"], "positive": config["positive"],
        "headline": config["headline"],
        "methods": {name: {"layer": None, **method} for name, method in METHODS.items()},
        "layers": dict.fromkeys(config["models"]), "shards": 1,
        "trust": config["trust"],
    }  # fmt: skip
    summarise(folder, cases, raters, list(config["models"]), study, config["summary"])
    write_failed([], folder / "summary" / "failed.tsv")
    kinds = sorted({MODELS[model] for model in config["models"]})
    write_cohort(cases, raters, kinds, folder, folder / "summary" / "cohort.tsv")


def study_of(fakes: Fakes) -> Study:
    """Read what was written."""
    return read_study(**{k: v for k, v in fakes.arguments.items() if k != "out"})


def coarse_pictures(monkeypatch: Any) -> None:
    """Draw PNGs at 20 dpi: at 300 they are most of what a plot costs."""
    fine = figures._bytes
    monkeypatch.setattr(
        figures, "_bytes", lambda figure, kind, dpi: fine(figure, kind, min(dpi, 20))
    )


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


def write_trainings(folder: Path, folds: int, seeds: int) -> None:
    """Write losses of 4 epochs, the best at the third: 0.2 and 0.3, and in fold 1 0.2 and 1.3."""
    for fold in range(folds):
        for seed in range(seeds):
            here = folder / f"seed{seed}" / f"fold{fold}"
            held = (fold + loss for loss in (0.7, 0.6, 0.3, 0.5))
            losses = zip((0.7, 0.4, 0.2, 0.1), held, strict=True)
            rows = [f"{i},{fitted},0.5,{loss},0.9,0.001"
                    for i, (fitted, loss) in enumerate(losses)]  # fmt: skip
            names = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy"
            here.mkdir(parents=True, exist_ok=True)
            text = "\n".join([f"{names},learning_rate", *rows])
            (here / "metrics.csv").write_text(text + "\n")
            (here / "record.json").write_text(json.dumps({"best_epoch": 2}))


def write_marks(path: Path, slices: dict[str, int]) -> Path:
    """Write a `raters.tsv` of `annotate`; a slice has 5 voxels and 10 mm³."""
    columns = ["rater", "slices", "voxels", "volume_mm3", "staple_sensitivity",
               "staple_specificity"]  # fmt: skip
    return write_tsv(path, columns, [[r, n, 5 * n, 10 * n, "", ""] for r, n in slices.items()])


def _probability(rng: np.random.Generator, positive: bool) -> float:
    return round(float(1 / (1 + np.exp(-rng.normal(1.6 if positive else -1.6, 1.5)))), 4)


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
            path = folder / f"saliency/{model}/{method}/shard0/{case}.nii.gz"
            save(path, values, record.grid.affine, np.float32)


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
