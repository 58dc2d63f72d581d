"""The audit on counts done by hand, on planted maps, and on the rules for ties and empties."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rightreason.binarise import cut, descending, part_of
from rightreason.demo import paint_case
from rightreason.demo_plan import plan
from rightreason.errors import InputError
from rightreason.images import save, write_whole
from rightreason.inputs import InputRecord
from rightreason.overlap import COLUMNS, Audit, score_case, score_map
from rightreason.references import References, make_references, read_references
from rightreason.shifts import ShiftedChance
from rightreason.staple import staple
from skimage.filters import threshold_otsu

BINARISATIONS = {
    "otsu": {"rule": "otsu", "part": "positive"},
    "half": {"rule": "half", "part": "positive"},
    "top25": {"rule": "top", "part": "positive", "percent": 25},
    "area": {"rule": "area", "part": "positive"},
}
SETTINGS = {"binarisations": BINARISATIONS, "shifts": 50}
AUDIT = Audit("c", "m", "gradcam", "drowning", 0.8, correct=True)


def with_staple(masks: dict[str, np.ndarray]) -> References:
    return make_references(masks, staple(masks).mask)


def score(values: np.ndarray, **masks: np.ndarray) -> dict[tuple[str, str], dict]:
    """Rows by (reference, binarisation)."""
    values = np.asarray(values, dtype=np.float32).reshape(values.shape + (1,) * (3 - values.ndim))
    cube = {name: mask.astype(bool).reshape(values.shape) for name, mask in masks.items()}
    references = with_staple(cube)
    shifted = ShiftedChance.of(references, values.shape, SETTINGS["shifts"], seed="c")
    rows = [row for row, _ in score_map(AUDIT, values, references, shifted, SETTINGS)]
    return {(row["reference"], row["binarisation"]): row for row in rows}


def test_counted_by_hand_on_four_by_four() -> None:
    values = np.array([[9, 8, 0, 0], [7, 5, 0, -4], [1, 0, 0, 0], [0, 0, 0, 0]])
    first = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    second = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    print("map:", values, "first rater:", first, "second rater:", second, sep="\n")
    rows = score(values, a=first, b=second)
    # At half of 9 and more: 9 8 7 5. Rater a marked 9 and 8 of them, b only 9.
    half = {name: rows[name, "half"] for name in ("a", "b", "majority", "union", "intersection")}
    assert {n: r["attended_voxels"] for n, r in half.items()} == dict.fromkeys(half, 4)
    assert [r["important_voxels"] for r in half.values()] == [3, 2, 1, 4, 1]
    assert [r["overlap_voxels"] for r in half.values()] == [2, 1, 1, 2, 1]
    assert [r["irrelevant_ratio"] for r in half.values()] == [0.5, 0.75, 0.75, 0.5, 0.75]
    assert half["union"]["coverage"] == 0.5
    assert half["union"]["chance_irrelevant_ratio"] == 0.75
    assert half["union"]["dice"] == pytest.approx(2 * 2 / 8)
    assert half["union"]["iou"] == pytest.approx(2 / 6)
    # Positive mass 30; a holds 9 + 8 + 1, b holds 9.
    assert half["a"]["mass_accuracy"] == pytest.approx(18 / 30)
    assert half["b"]["mass_accuracy"] == pytest.approx(9 / 30)
    assert half["b"]["hit"] == 1
    # 25 % of 16 voxels are the four largest; area takes |A|.
    assert rows["a", "top25"]["overlap_voxels"] == 2
    assert rows["a", "area"]["attended_voxels"] == 3
    assert rows["b", "area"]["irrelevant_ratio"] == 0.5
    assert rows["majority", "area"]["irrelevant_ratio"] == 0


def test_majority_is_more_than_half() -> None:
    votes = np.arange(5).reshape(5, 1, 1)
    four = with_staple({f"r{i}": votes > i for i in range(4)})
    members = dict(zip(four.names, four.members[four.codes.ravel()].T, strict=True))
    assert members["majority"].tolist() == [False, False, False, True, True]
    assert members["union"].tolist() == [False, True, True, True, True]
    assert members["intersection"].tolist() == [False, False, False, False, True]
    two = with_staple({"a": votes > 0, "b": votes > 1})
    assert two.members[two.codes.ravel()][:, 2].tolist() == [False, False, True, True, True]


def test_staple_is_a_reference_of_its_own() -> None:
    votes = np.arange(3).reshape(3, 1, 1)
    given = np.array([True, False, True]).reshape(3, 1, 1)
    found = make_references({"a": votes > 0, "b": votes > 1}, given)
    assert found.names == ["a", "b", "majority", "union", "intersection", "staple"]
    assert found.members[found.codes.ravel()].tolist() == [
        [False, False, False, False, False, True],
        [True, False, False, True, False, False],
        [True, True, True, True, True, True],
    ]
    assert found.sizes == [2, 1, 1, 2, 1, 2]


def test_references_are_read_from_the_folder_of_annotate(tmp_path: Path) -> None:
    first, second = blob((6, 6, 6), 1, 1, 1), blob((6, 6, 6), 2, 1, 1)
    given = blob((6, 6, 6), 0, 0, 0)
    files = {"a": first, "b": second, "votes": first.astype(int) + second, "staple": given}
    for name, data in files.items():
        save(tmp_path / f"{name}.nii.gz", data, np.eye(4), np.uint8)
    (tmp_path / "raters.tsv").write_text("rater\n")
    references, _ = read_references(tmp_path)
    assert references.names == ["a", "b", "majority", "union", "intersection", "staple"]
    assert references.sizes == [27, 27, 18, 36, 18, 27]
    staples = references.members[references.codes.ravel()][:, 5]
    assert np.array_equal(staples.reshape(6, 6, 6), given)


def blob(shape: tuple[int, ...], *corner: int) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(c, c + 3) for c in corner)] = True
    return mask


@pytest.mark.parametrize("binarisation", ["half", "area"])
def test_the_audit_can_tell_finding_from_shortcut(binarisation: str) -> None:
    finding, shortcut = blob((9, 9, 5), 1, 1, 1), blob((9, 9, 5), 5, 5, 2)
    right = score(finding.astype(float), truth=finding)["truth", binarisation]
    wrong = score(shortcut.astype(float), truth=finding)["truth", binarisation]
    assert (right["irrelevant_ratio"], right["mass_accuracy"], right["hit"]) == (0, 1, 1)
    assert (wrong["irrelevant_ratio"], wrong["mass_accuracy"], wrong["hit"]) == (1, 0, 0)


@pytest.mark.parametrize("binarisation", list(BINARISATIONS))
def test_a_constant_map_scores_chance(binarisation: str) -> None:
    finding = blob((9, 9, 5), 1, 1, 1)
    row = score(np.full((9, 9, 5), 0.3), truth=finding)["truth", binarisation]
    chance = 1 - 27 / 405
    assert row["chance_irrelevant_ratio"] == pytest.approx(chance)
    assert row["irrelevant_ratio"] == pytest.approx(chance)
    assert row["mass_accuracy"] == pytest.approx(1 - chance)
    assert row["hit"] == pytest.approx(1 - chance)


def test_ties_at_the_cut_share_what_is_left() -> None:
    values = np.array([3.0, 2.0, 2.0, 2.0, 1.0, 0, 0, 0])
    mask = np.array([0, 1, 0, 0, 1, 0, 0, 0])
    row = score(values, truth=mask)["truth", "area"]
    # |A| = 2: the 3, and one voxel of the three 2s, one of which is marked.
    assert row["attended_voxels"] == pytest.approx(2)
    assert row["overlap_voxels"] == pytest.approx(1 / 3)


def test_without_evidence_nothing_is_attended() -> None:
    mask = blob((5, 5, 5), 1, 1, 1)
    for values in (np.zeros((5, 5, 5)), np.full((5, 5, 5), -1.0)):
        for row in score(values, truth=mask).values():
            assert row["attended_voxels"] == 0
            assert row["coverage"] == 0
            assert row["dice"] == 0
            assert np.isnan([row["irrelevant_ratio"], row["hit"], row["mass_accuracy"]]).all()


def test_an_empty_reference() -> None:
    values = blob((5, 5, 5), 1, 1, 1).astype(float)
    row = score(values, truth=np.zeros((5, 5, 5)))["truth", "half"]
    assert (row["irrelevant_ratio"], row["chance_irrelevant_ratio"], row["dice"]) == (1, 1, 0)
    assert (row["hit"], row["mass_accuracy"]) == (0, 0)
    assert np.isnan(row["coverage"])
    area = score(values, truth=np.zeros((5, 5, 5)))["truth", "area"]
    assert area["attended_voxels"] == 0
    assert np.isnan([area["irrelevant_ratio"], area["dice"]]).all()


def test_parts_of_a_signed_map() -> None:
    values = np.array([-3.0, 0.0, 2.0], dtype=np.float32)
    assert part_of(values, "positive").tolist() == [0, 0, 2]
    assert part_of(values, "negative").tolist() == [3, 0, 0]
    assert part_of(values, "absolute").tolist() == [3, 0, 2]


VALUES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=6),
    elements=st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, -1.0]),
)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(0, 2**32 - 1))
def test_counts_are_consistent_whatever_the_map(values: np.ndarray, seed: int) -> None:
    generator = np.random.default_rng(seed)
    masks = {name: generator.random(values.shape) < 0.3 for name in "abc"}
    for (reference, name), row in score(values, **masks).items():
        positive = np.count_nonzero(values > 0)
        assert (
            0
            <= row["overlap_voxels"]
            <= min(row["attended_voxels"], row["important_voxels"]) + 1e-9
        )
        if name == "area":
            assert row["attended_voxels"] == pytest.approx(min(positive, row["important_voxels"]))
        if name == "top25":
            assert row["attended_voxels"] == pytest.approx(min(positive, values.size / 4))
        if name == "half" and positive:
            mask = {
                "union": masks["a"] | masks["b"] | masks["c"],
                "intersection": masks["a"] & masks["b"] & masks["c"],
                "majority": sum(m.astype(int) for m in masks.values()) >= 2,
                "staple": staple(masks).mask,
            }.get(reference, masks.get(reference))
            attended = values >= values.max() / 2
            assert row["overlap_voxels"] == np.count_nonzero(attended & mask)


@pytest.mark.parametrize("seed", range(5))
def test_otsu_equals_scikit_image(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = np.concatenate([generator.gamma(2, 1, 4000), generator.normal(12, 2, 1500)])
    values = np.maximum(values, 0).astype(np.float32)
    region = cut({"rule": "otsu"}, descending(values), values.size, 0)
    values[0] = 0  # the histogram of ours starts at 0
    attended = values >= region.threshold
    expected = values > threshold_otsu(values, nbins=256)
    # scikit-image cuts at the centre of the bin at whose upper edge we cut.
    width = values.max() / 256
    near = np.abs(values - region.threshold) <= width
    assert np.array_equal(attended[~near], expected[~near])
    assert attended.any()


def test_shifted_chance_of_a_corner_region_is_what_all_shifts_give() -> None:
    shape = (8, 8, 4)
    mask, values = blob(shape, 4, 4, 1), blob(shape, 0, 0, 0).astype(np.float32)
    references = with_staple({"truth": mask})
    shifted = ShiftedChance.of(references, shape, 4000, seed="x")
    region = cut({"rule": "half"}, descending(values), values.size, 0)
    low, high = shifted.interval(values.ravel(), region)
    every = [
        1 - mask[np.roll(values, (i, j, k), (0, 1, 2)) > 0].mean()
        for i in range(8) for j in range(8) for k in range(4)
    ]  # fmt: skip
    assert low[0] == pytest.approx(np.percentile(every, 5), abs=0.04)
    assert high[0] == np.percentile(every, 95) == 1


def test_shifts_are_the_same_every_time_and_empty_regions_have_none() -> None:
    shape = (6, 6, 6)
    references = with_staple({"truth": blob(shape, 1, 1, 1)})
    values = np.random.default_rng(0).random(shape).astype(np.float32).ravel()
    region = cut({"rule": "half"}, descending(values), values.size, 0)
    one, two = (
        ShiftedChance.of(references, shape, 30, seed="x").interval(values, region) for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)
    nothing = cut({"rule": "half"}, descending(values * 0), values.size, 0)
    empty = ShiftedChance.of(references, shape, 30, seed="x").interval(values * 0, nothing)
    assert np.isnan(empty).all()


def write_case(tmp_path: Path, saliency: np.ndarray, mask: np.ndarray, shift_mm: float = 0) -> list:
    """Lay out what `score_case` reads; the CT is the map's own grid."""
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    record = InputRecord(
        "volume", mask.shape, affine.tolist(), mask.shape, affine.tolist(),
        [[0, n] for n in mask.shape], 2, list(range(mask.shape[2])), [],
    )  # fmt: skip
    write_whole(tmp_path / "record.json", record.to_json())
    save(tmp_path / "map.nii.gz", saliency, affine, np.float32)
    moved = affine.copy()
    moved[0, 3] += shift_mm
    for name in ("ann", "votes", "staple"):
        save(tmp_path / "annotate" / f"{name}.nii.gz", mask, moved, np.uint8)
    write_whole(
        tmp_path / "predict.tsv",
        b"case\tsite\tfold\tlabel\tprobability\nx\tA\t0\tother\t0.2\nc\tA\t0\tdrowning\t0.75\n",
    )
    return [
        "c", ["m"], ["gradcam"], [tmp_path / "map.nii.gz"], [tmp_path / "record.json"],
        tmp_path / "annotate", [tmp_path / "predict.tsv"], "drowning", SETTINGS,
        tmp_path / "table.tsv", tmp_path / "chance.tsv",
    ]  # fmt: skip


def test_the_table_of_a_case(tmp_path: Path) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    score_case(*write_case(tmp_path, mask.astype(float), mask))
    with (tmp_path / "table.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(rows[0]) == COLUMNS
    assert len(rows) == len(BINARISATIONS) * 5
    row = rows[0]
    assert (row["case"], row["label"], row["probability"]) == ("c", "drowning", "0.75")
    assert (row["correct"], row["voxel_mm3"], row["seen_voxels"]) == ("true", "20", "384")
    assert {r["irrelevant_ratio"] for r in rows if r["binarisation"] == "half"} == {"0"}
    with (tmp_path / "chance.tsv").open() as file:
        assert len(list(csv.DictReader(file, delimiter="\t"))) == len(rows)


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
def test_planted_maps_on_the_embedded_cohort_through_the_tables(
    tmp_path: Path,
    drowned: tuple[np.ndarray, np.ndarray],
    planted: str,
    irrelevant: float,
    accuracy: float,
) -> None:
    finding, shortcut = drowned
    saliency = finding if planted == "finding" else shortcut
    assert finding.any()
    assert shortcut.any()
    score_case(*write_case(tmp_path, saliency.astype(float), finding))
    with (tmp_path / "table.tsv").open() as file:
        rows = {
            (row["reference"], row["binarisation"]): row
            for row in csv.DictReader(file, delimiter="\t")
        }
    for binarisation in ("half", "area"):
        row = rows["ann", binarisation]
        assert float(row["irrelevant_ratio"]) == irrelevant
        assert float(row["mass_accuracy"]) == accuracy


def test_a_constant_map_on_the_embedded_cohort_gives_chance_in_the_table(
    tmp_path: Path, drowned: tuple[np.ndarray, np.ndarray]
) -> None:
    finding, _ = drowned
    score_case(*write_case(tmp_path, np.full(finding.shape, 0.25), finding))
    with (tmp_path / "table.tsv").open() as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if r["reference"] == "ann"]
    assert len(rows) == len(BINARISATIONS)
    for row in rows:
        chance = 1 - finding.mean()
        assert float(row["chance_irrelevant_ratio"]) == pytest.approx(chance, abs=1e-7)
        assert float(row["irrelevant_ratio"]) == pytest.approx(chance, abs=1e-7)
        assert float(row["mass_accuracy"]) == pytest.approx(1 - chance, abs=1e-7)


def test_nan_saliency_is_an_error(tmp_path: Path) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    values = mask.astype(float)
    values[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="holds NaN"):
        score_case(*write_case(tmp_path, values, mask))


def test_images_that_are_not_on_one_grid_never_meet(tmp_path: Path) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    with pytest.raises(InputError, match="not on the same grid"):
        score_case(*write_case(tmp_path, mask.astype(float), mask, shift_mm=0.5))


def test_votes_that_do_not_fit_their_masks_are_an_error(tmp_path: Path) -> None:
    mask = blob((8, 8, 6), 2, 2, 2)
    arguments = write_case(tmp_path, mask.astype(float), mask)
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    save(tmp_path / "annotate" / "second.nii.gz", mask, affine, np.uint8)
    with pytest.raises(InputError, match="do not add up"):
        score_case(*arguments)
