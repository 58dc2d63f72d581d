"""Stage `overlap` through its files: planted maps, two models, chance, donors, seeds, places."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rightreason.case_files import ModelFiles
from rightreason.config_audit import Overlap
from rightreason.demo import paint_case
from rightreason.demo_plan import plan
from rightreason.errors import InputError
from rightreason.images import save
from rightreason.inputs import InputRecord
from rightreason.measures import AREA_MEASURES, MAP_MEASURES, VOTES_MEASURES
from rightreason.overlap import score_case
from rightreason.overlap_rows import COLUMNS
from rightreason.staple import staple
from rightreason.whole import write_whole

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])
OUT = ("table", "raters", "pairs", "places", "agreement", "seeds")
Rows = list[dict[str, str]]


def settings(**changed: Any) -> dict[str, Any]:
    section = Overlap(shifts=40, tolerance_mm=0).model_dump(mode="json")
    return {**section, "distances": ["half"], **changed}


def blob(shape: tuple[int, ...], *corner: int) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(c, c + 3) for c in corner)] = True
    return mask


class Folder:
    """What the earlier stages would have made of one case."""

    def __init__(self, folder: Path, masks: dict[str, np.ndarray], ct: np.ndarray | None = None):
        self.folder = folder
        self.shape = next(iter(masks.values())).shape
        votes = sum(mask.astype(np.uint8) for mask in masks.values())
        files = {**masks, "votes": votes, "staple": staple(masks).mask}
        for name, data in files.items():
            save(folder / "annotate" / f"{name}.nii.gz", data, AFFINE, np.uint8)
        hu = np.full(self.shape, 40) if ct is None else ct
        save(folder / "ct.nii.gz", hu, AFFINE, np.int16)
        self.models: dict[str, ModelFiles] = {}
        self.region: Path | None = None

    def record(self, kind: str = "volume", slices: list[int] | None = None) -> InputRecord:
        """Of an input that is the whole CT, already LPS+ but for the sign of x and y."""
        chosen = list(range(self.shape[2])) if slices is None else slices
        box = [[0, n] for n in self.shape]
        return InputRecord(
            kind, self.shape, AFFINE.tolist(), self.shape, AFFINE.tolist(), box, 2, chosen,
            [] if kind == "volume" else chosen,
        )  # fmt: skip

    def save_map(self, name: str, values: np.ndarray) -> Path:
        path = self.folder / f"{name}.nii.gz"
        save(path, values, AFFINE, np.float32)
        return path

    def add(
        self, model: str, values: np.ndarray, record: InputRecord | None = None,
        seeds: list[np.ndarray] | None = None, donors: list[np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        write_whole(self.folder / f"{model}.json", (record or self.record()).to_json())
        seed_maps = [self.save_map(f"{model}.{i}", v) for i, v in enumerate(seeds or [])]
        lent = [
            (self.folder / f"{model}.json", {"cam": self.save_map(f"{model}.donor{i}", v)})
            for i, v in enumerate(donors or [])
        ]
        self.models[model] = ModelFiles(
            self.folder / f"{model}.json",
            {"cam": self.save_map(model, values)},
            {"cam": seed_maps} if seed_maps else {},
            lent,
        )

    def score(self, **changed: Any) -> dict[str, Rows]:
        out = {name: self.folder / f"{name}.tsv" for name in OUT}
        out["curves"] = self.folder / "curves.npz"
        score_case(
            "c", self.models, self.folder / "annotate", self.folder / "ct.nii.gz", self.region,
            settings(**changed), out,
        )  # fmt: skip
        return {name: read(out[name]) for name in OUT}


def read(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def one(rows: Rows, **wanted: str) -> dict[str, str]:
    found = [row for row in rows if all(row[k] == v for k, v in wanted.items())]
    assert len(found) == 1, wanted
    return found[0]


def test_the_table_of_a_case(tmp_path: Path) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    case = Folder(tmp_path, {"r1": mask, "r2": np.roll(mask, 1, axis=0)})
    case.add("m", mask.astype(float))
    rows = case.score()["table"]
    assert tuple(rows[0]) == COLUMNS
    references = ("r1", "r2", "majority", "union", "intersection", "staple")
    surfaces = 2 * len(references)
    areas = len(AREA_MEASURES) - 2
    expected = len(references) * (4 * areas + len(MAP_MEASURES)) + len(VOTES_MEASURES) + surfaces
    assert len(rows) == expected
    ratio = one(rows, reference="union", binarisation="half", measure="irrelevant_ratio")
    assert (ratio["value"], ratio["perfect"]) == ("0", "0")
    counts = [ratio[f"{n}_voxels"] for n in ("seen", "important", "attended", "overlap")]
    assert counts == ["384", "36", "27", "27"]
    assert ratio["voxel_mm3"] == "20"
    assert float(ratio["chance"]) == pytest.approx(1 - 36 / 384)
    assert float(ratio["gain"]) == 1
    # Of r1's marks 18 of 27 are r2's: r1 against r2 is a third irrelevant, and so the other way.
    assert float(ratio["ceiling"]) == pytest.approx(1 / 3)
    # The map is r1's mask: against r1 alone nothing irrelevant, against r2 alone a third.
    assert float(ratio["fair"]) == pytest.approx((0 + 1 / 3) / 2)
    coverage = one(rows, reference="union", binarisation="half", measure="coverage")
    assert float(coverage["value"]) == pytest.approx(27 / 36)
    surface = one(rows, reference="r1", binarisation="half", measure="surface_distance_mm")
    assert float(surface["value"]) == 0


def test_two_models_meet_on_common_voxels_and_raters_leave_one_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = blob((8, 8, 6), 2, 2, 2)
    masks = {"r1": mask, "r2": np.roll(mask, 1, axis=0), "r3": np.roll(mask, 1, axis=1)}
    case = Folder(tmp_path, masks)
    case.add("slices", rng.random(mask.shape), case.record("slices", [1, 3, 4]))
    case.add("volume", rng.random(mask.shape))
    found = case.score()
    pair = one(found["pairs"], reference="union", binarisation="half", measure="irrelevant_ratio")
    own = {
        model: one(found["table"], model=model, reference="union", binarisation="half",
                   measure="irrelevant_ratio")
        for model in ("slices", "volume")
    }  # fmt: skip
    assert pair["common_voxels"] == own["slices"]["seen_voxels"] == str(8 * 8 * 3)
    assert float(pair["value"]) == pytest.approx(float(own["slices"]["value"]))
    assert pair["against_value"] != own["volume"]["value"]
    left = {
        row["left_out"]: float(row["value"])
        for row in found["raters"]
        if (row["model"], row["reference"]) == ("volume", "union")
        and (row["binarisation"], row["measure"]) == ("half", "irrelevant_ratio")
    }
    assert set(left) == set(masks)
    assert float(own["volume"]["fair"]) == pytest.approx(np.mean(list(left.values())))
    people = [
        float(row["value"])
        for row in found["raters"]
        if (row["model"], row["seen_by"], row["reference"]) == ("", "volume", "union")
        and row["measure"] == "irrelevant_ratio"
    ]
    assert float(own["volume"]["ceiling"]) == pytest.approx(np.mean(people))
    union = np.logical_or.reduce(list(masks.values()))
    agreement = {row["marked_by"]: int(row["voxels"]) for row in found["agreement"]}
    assert {row["within"] for row in found["agreement"]} == {"seen"}
    assert sum(agreement.values()) == mask.size
    assert agreement[""] == (~union).sum()
    assert agreement["r1+r2+r3"] == np.logical_and.reduce(list(masks.values())).sum()
    with np.load(tmp_path / "curves.npz", allow_pickle=False) as file:
        assert file["maps"].tolist() == ["slices/cam/positive", "volume/cam/positive"]
        references = file["references"].tolist()
        top10 = file["irrelevant_ratio"][1, references.index("union"), 9]
    table = one(found["table"], model="volume", reference="union", binarisation="top10",
                measure="irrelevant_ratio")  # fmt: skip
    assert top10 == pytest.approx(float(table["value"]), abs=1e-6)


def test_donors_and_seeds(tmp_path: Path) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    elsewhere = np.roll(mask, 3, axis=0).astype(float)
    case = Folder(tmp_path, {"r1": mask})
    nothing = np.zeros(mask.shape)
    case.add("m", elsewhere, seeds=[mask.astype(float), elsewhere],
             donors=[mask.astype(float), elsewhere, nothing])  # fmt: skip
    found = case.score()
    ratio = one(found["table"], reference="r1", binarisation="half", measure="irrelevant_ratio")
    # One donor's map lies on the finding, one beside it, and one shows nothing.
    assert (float(ratio["value"]), float(ratio["shuffled"]), ratio["donors"]) == (1, 0.5, "2")
    assert float(ratio["shuffled_gain"]) == pytest.approx((1 - 0.5) / (0 - 0.5))
    assert (ratio["fair"], ratio["ceiling"]) == ("", "")
    seeds = {
        row["seed"]: float(row["value"])
        for row in found["seeds"]
        if row["reference"] == "r1"
        and (row["binarisation"], row["measure"]) == ("half", "irrelevant_ratio")
    }
    assert seeds == {"0": 0, "1": 1}


def test_places_and_region_of_the_irrelevant_part(tmp_path: Path) -> None:
    shape = (60, 60, 4)
    ct = np.full(shape, -1000)
    ct[10:50, 10:50] = 40
    finding = np.zeros(shape, bool)
    finding[20:24, 20:24] = True
    region = np.zeros(shape, bool)
    region[15:30, 15:30] = True
    case = Folder(tmp_path, {"r1": finding}, ct)
    save(tmp_path / "region.nii.gz", region, AFFINE, np.uint8)
    case.region = tmp_path / "region.nii.gz"
    attended = finding.copy()
    attended[26:28, 26:28] = attended[40:43, 40:43] = attended[2:4, 2:6] = True
    case.add("m", attended.astype(float))
    found = case.score()
    row = one(found["places"], reference="r1", binarisation="half")
    assert float(row["attended_voxels"]) == attended.sum()
    assert float(row["irrelevant_voxels"]) == (4 + 9 + 8) * 4
    places = {name: row[name] for name in ("unmarked_in_region", "body_outside_region",
                                           "outside_body", "unmarked_in_body")}  # fmt: skip
    assert places == {"unmarked_in_region": "16", "body_outside_region": "36",
                      "outside_body": "32", "unmarked_in_body": ""}  # fmt: skip
    assert {row["within"] for row in found["agreement"]} == {"region"}
    assert sum(int(row["voxels"]) for row in found["agreement"]) == region.sum()
    ratio = one(found["table"], reference="r1", binarisation="half", measure="irrelevant_ratio")
    assert float(ratio["region_chance"]) == pytest.approx(1 - finding.sum() / region.sum())


DEMO = {
    "training_cases": 4, "external_cases": 2, "matrix": [48, 48, 12], "field_mm": 400,
    "slice_mm": 21.0, "shortcut": 1.0, "seed": 20240,
}  # fmt: skip


@pytest.fixture(scope="module")
def drowned() -> tuple[np.ndarray, np.ndarray]:
    """Finding and shortcut masks of a drowning case of the embedded cohort."""
    case = next(c for c in plan(DEMO) if c.label == "drowning" and c.shortcut)
    picture = paint_case(case, DEMO)
    return np.asarray(picture.finding) > 0, np.asarray(picture.shortcut) > 0


@pytest.mark.parametrize(
    ("planted", "irrelevant", "accuracy"), [("finding", 0, 1), ("shortcut", 1, 0)]
)
def test_planted_maps_on_the_embedded_cohort(
    tmp_path: Path, drowned: tuple[np.ndarray, np.ndarray], planted: str, irrelevant: float,
    accuracy: float,
) -> None:  # fmt: skip
    finding, shortcut = drowned
    assert finding.any()
    assert shortcut.any()
    case = Folder(tmp_path, {"truth": finding})
    case.add("m", (finding if planted == "finding" else shortcut).astype(float))
    rows = case.score()["table"]
    for name in ("half", "area"):
        ratio = one(rows, reference="truth", binarisation=name, measure="irrelevant_ratio")
        assert float(ratio["value"]) == irrelevant
    mass = one(rows, reference="truth", measure="mass_accuracy")
    assert float(mass["value"]) == accuracy


def test_a_constant_map_on_the_embedded_cohort_gains_nothing_over_chance(
    tmp_path: Path, drowned: tuple[np.ndarray, np.ndarray]
) -> None:
    finding, _ = drowned
    case = Folder(tmp_path, {"truth": finding})
    case.add("m", np.full(finding.shape, 0.25))
    rows = case.score()["table"]
    gains = [
        float(row["gain"]) for row in rows
        if row["gain"] and (row["reference"] == "truth" or row["measure"] in VOTES_MEASURES)
    ]  # fmt: skip
    assert len(gains) > 20
    assert gains == pytest.approx([0] * len(gains), abs=1e-6)


def test_what_is_undefined_says_why(tmp_path: Path) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    case = Folder(tmp_path, {"r1": mask, "r2": np.zeros_like(mask)})
    case.add("m", np.full(mask.shape, -1.0))
    rows = case.score()["table"]
    reasons = {
        (row["reference"], row["measure"]): row["undefined"]
        for row in rows if row["binarisation"] in ("half", "positive")
    }  # fmt: skip
    assert reasons["r1", "irrelevant_ratio"] == "nothing attended"
    assert reasons["r1", "mass_accuracy"] == "no evidence"
    assert reasons["r2", "coverage"] == "nothing marked"
    assert reasons["r2", "average_precision"] == "nothing marked"
    blank = [row["measure"] for row in rows if (row["value"] == "") != (row["undefined"] != "")]
    assert blank == []


def test_nan_saliency_is_an_error(tmp_path: Path) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    values = mask.astype(float)
    values[0, 0, 0] = np.nan
    case = Folder(tmp_path, {"r1": mask})
    case.add("m", values)
    with pytest.raises(InputError, match="holds NaN"):
        case.score()


@pytest.mark.parametrize("moved", ["ct.nii.gz", "m.nii.gz"])
def test_images_that_are_not_on_one_grid_never_meet(tmp_path: Path, moved: str) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    case = Folder(tmp_path, {"r1": mask})
    case.add("m", mask.astype(float))
    shifted = AFFINE.copy()
    shifted[0, 3] += 0.5
    save(tmp_path / moved, mask, shifted, np.float32)
    with pytest.raises(InputError, match="not on the same grid"):
        case.score()
