"""Body and places on phantoms whose voxels are counted, on the embedded cohort, on real CT."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rightreason.body import body_of
from rightreason.convert import convert_case
from rightreason.demo import paint_case
from rightreason.demo_plan import plan
from rightreason.errors import InputError
from rightreason.images import Grid, Volume, load
from rightreason.inputs import InputRecord
from rightreason.places import Places
from rightreason.ranked import RankedMap
from rightreason.scores import score
from rightreason.seen_places import place_rows
from scipy import ndimage

from tests.scenes import scene

DEMO = {
    "training_cases": 24, "external_cases": 8, "matrix": (128, 128, 32), "shortcut": 1.0,
    "seed": 0, "field_mm": 400.0, "slice_mm": 8.0,
}  # fmt: skip
AIR, LUNG, FAT, WATER = -1000, -850, -100, 30
SPACING = (2.0, 2.0, 5.0)
SHAPE = (200, 160)


def ellipse(centre: tuple[float, float], axes: tuple[float, float]) -> np.ndarray:
    """Pixels of 2 mm inside an ellipse; centre and half axes in mm."""
    x, y = np.meshgrid(2.0 * np.arange(SHAPE[0]), 2.0 * np.arange(SHAPE[1]), indexing="ij")
    return ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 < 1


CHEST = ellipse((200, 160), (140, 100))
LUNGS = ellipse((140, 160), (60, 70)) | ellipse((260, 160), (60, 70))
ARMS = ellipse((28, 160), (27, 35)) | ellipse((371, 160), (28, 32))


def scan(noise: float = 20) -> np.ndarray:
    """One slice: table, blanket, chest with lungs, two arms beside it."""
    hu = np.full(SHAPE, AIR, dtype=float)
    hu[20:180, 135:137] = 100  # the table's shell, 4 mm
    around = ellipse((200, 160), (168, 118)) & ~ellipse((200, 160), (165, 115))
    hu[around & ~ARMS] = FAT  # the bag, 3 mm, closed around the chest
    hu[CHEST | ARMS] = WATER
    hu[LUNGS] = LUNG
    return hu + np.random.default_rng(0).normal(0, noise, SHAPE)


def agreement(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_chest_with_its_lungs_and_arms_without_table_and_bag(axis: int) -> None:
    stack = np.moveaxis(np.stack([scan()] * 3), 0, axis)
    spacing = np.insert([2.0, 2.0], axis, 7.0)
    body = np.moveaxis(body_of(stack, axis, spacing), axis, 0)
    for found in body:
        assert agreement(found, CHEST | ARMS) > 0.99
        assert found[LUNGS].all()


def test_small_pixels_are_joined_and_come_out_in_full() -> None:
    fine = np.kron(scan(0), np.ones((3, 2)))[:-1, :-1, None]  # 0.67 x 1 mm, no multiple of 2 mm
    body = body_of(fine, 2, (2 / 3, 1, 5))
    assert body.shape == fine.shape
    truth = np.kron(CHEST | ARMS, np.ones((3, 2), dtype=bool))[:-1, :-1]
    assert agreement(body[:, :, 0], truth) > 0.99


def test_a_heap_beside_the_body_is_outside_and_an_arm_of_an_infant_is_not() -> None:
    hu = np.full(SHAPE, AIR, dtype=float)
    hu[CHEST] = WATER
    heap = ellipse((200, 276), (60, 14))  # 28 mm thick, 2 mm behind the back
    hu[heap] = WATER
    body = body_of(hu[:, :, None], 2, SPACING)[:, :, 0]
    assert not body[heap].any()
    assert agreement(body, CHEST) > 0.99
    # The same picture, every length a third: arms of 18 to 23 mm beside a chest of 100 mm.
    small = body_of(scan()[:, :, None], 2, (2 / 3, 2 / 3, 5))[:, :, 0]
    assert small[ARMS].mean() > 0.95
    assert agreement(small, CHEST | ARMS) > 0.95, "at a pixel size of 2 mm"


def test_two_legs_a_leg_at_the_edge_and_slices_without_a_body() -> None:
    legs = ellipse((110, 160), (70, 80)) | ellipse((290, 160), (70, 80))
    hu = np.full((*SHAPE, 3), AIR, dtype=float)
    hu[legs, 0] = FAT
    hu[20:180, 135:137, :] = 100
    body = body_of(hu, 2, SPACING)
    assert agreement(body[:, :, 0], legs) > 0.99
    assert not body[:, :, 1:].any(), "only the table"
    # The image shows 14 mm of the other leg.
    cut = body_of(hu[83:, 20:, :1], 2, SPACING)[:, :, 0]
    assert agreement(cut, legs[83:, 20:]) > 0.99
    assert not body_of(np.full((9, 9, 2), AIR), 2, SPACING).any()
    assert body_of(np.full((9, 9, 2), WATER), 2, SPACING).all()


def test_noise_in_fat_does_not_dissolve_it() -> None:
    hu = np.full(SHAPE, AIR, dtype=float)
    hu[CHEST] = FAT
    hu += np.random.default_rng(1).normal(0, 60, SHAPE)
    assert agreement(body_of(hu[:, :, None], 2, SPACING)[:, :, 0], CHEST) > 0.98


@pytest.fixture(scope="module")
def pictures() -> list:
    cases = [case for case in plan(DEMO) if case.shortcut]
    return [paint_case(case, DEMO) for case in (*cases[:2], cases[-1])]


def test_the_shortcut_of_the_embedded_cohort_lies_outside_the_body(pictures: list) -> None:
    taken = []
    for picture in pictures:
        body = body_of(picture.hu, 2, (3.125, 3.125, 8))
        assert body[picture.lungs].all()
        assert body[picture.body].mean() > 0.99
        assert body[~picture.body & ~picture.shortcut].mean() < 0.01
        taken.append(body[picture.shortcut].mean())
    # The gap to the skin is narrower than a pixel: the innermost sheet touches here and there.
    assert np.max(taken) < 0.05


def record(shape: tuple[int, int, int], affine: np.ndarray, box: list, slices: list) -> InputRecord:
    kind = "slices" if slices else "volume"
    return InputRecord(kind, shape, affine.tolist(), shape, affine.tolist(), box, 2, slices, slices)


NAMES = ("outside_body", "body_outside_region", "unmarked_in_region")


def count(
    places: Places, above: np.ndarray, equal: np.ndarray, tie_share: float, important: np.ndarray
) -> dict[str, float]:
    """Count the irrelevant part by its places, voxel by voxel."""
    share = (above + tie_share * equal) * ~important
    return {name: float(share[places.codes == i].sum()) for i, name in enumerate(places.names)}


def test_places_on_the_embedded_cohort_follow_the_truth(pictures: list) -> None:
    picture = pictures[0]
    affine = np.diag([3.125, 3.125, 8, 1])
    ct = Volume(picture.hu, Grid(picture.hu.shape, affine))
    box = [[0, 90], [10, 120], [0, 32]]
    what = record(picture.hu.shape, affine, box, [3, 4, 17, 30])
    part = np.s_[0:90, 10:120, [3, 4, 17, 30]]
    lungs, shortcut = picture.lungs[part].ravel(), picture.shortcut[part].ravel()
    places = Places.of(ct, what, picture.lungs)
    none = np.zeros(lungs.size, dtype=bool)
    whole = count(places, ~none, none, 0, none)
    assert list(whole) == ["outside_body", "body_outside_region", "unmarked_in_region"]
    assert whole["unmarked_in_region"] == lungs.sum()
    assert sum(whole.values()) == lungs.size
    assert whole["outside_body"] == pytest.approx((~picture.body[part]).sum(), rel=0.05)
    planted = count(places, shortcut, none, 1, none)
    assert planted["outside_body"] > 0.9 * shortcut.sum()
    bare = Places.of(ct, what, None)
    assert list(count(bare, ~none, none, 0, none)) == ["outside_body", "unmarked_in_body"]
    assert bare.codes.dtype == places.codes.dtype == np.int8


@given(st.integers(0, 2**32 - 1), st.sampled_from(["half", "area", "top"]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_rows_are_counts_of_the_irrelevant_part(seed: int, rule: str) -> None:
    rng = np.random.default_rng(seed)
    shape = (5, 5, 2)
    places = Places(NAMES, rng.integers(0, 3, 50).astype(np.int8))
    of = scene({"a": rng.random(shape) < 0.4, "b": rng.random(shape) < 0.4}).of_all_raters()
    ranked = RankedMap.of(rng.integers(-1, 4, shape).astype(np.float32), "positive")
    found = score(ranked, of, "positive", {"cut": {"rule": rule, "percent": 30}})
    keys = {"case": "c", "model": "m", "method": "cam"}
    for i, row in enumerate(place_rows(keys, ranked, found, of, places)):
        region, mask = found.regions["cut"].cuts[i], of.references.mask(i)
        above, equal = (ranked.evidence > region.threshold, ranked.evidence == region.threshold)
        expected = count(places, above, equal, region.tie_share, mask)
        assert {name: row[name] for name in NAMES} == pytest.approx(expected)
        assert row["unmarked_in_body"] is None
        attended = found.regions["cut"].attended[i]
        assert row["attended_voxels"] == pytest.approx(attended)
        assert row["irrelevant_voxels"] == pytest.approx(attended - found.overlap["cut"][i])


def test_region_wins_over_the_body_and_grids_must_agree() -> None:
    hu = np.full((40, 40, 4), AIR)
    hu[5:35, 5:35] = WATER
    affine = np.diag([2.0, 2, 5, 1])
    region = np.zeros(hu.shape, dtype=bool)
    region[0, 0, 0] = region[20, 20, 1] = True
    what = record(hu.shape, affine, [[0, 40], [0, 40], [0, 2]], [])
    codes = Places.of(Volume(hu, Grid(hu.shape, affine)), what, region).codes.reshape(40, 40, 2)
    assert codes[0, 0].tolist() == [2, 0]
    assert codes[20, 20].tolist() == [1, 2]
    assert np.count_nonzero(codes) == 2 * 30 * 30 + 1
    with pytest.raises(InputError, match="not on the same grid"):
        Places.of(Volume(hu, Grid(hu.shape, 2 * affine)), what, None)


@pytest.mark.parametrize("folder", ["lidc/dicom", "totalseg/dicom", "dcmqi/dicom"])
def test_the_body_on_real_ct(real_ct: Path, tmp_path: Path, folder: str) -> None:
    file = tmp_path / "ct.nii.gz"
    convert_case("a", real_ct / folder, None, file, tmp_path / "ct.json", {"timeout_s": 300})
    ct = load(file)
    body = body_of(ct.data, 2, ct.grid.spacing_mm)
    for k in range(0, body.shape[2], 7):
        # Trunk, and in one of the scans both arms; shells of tables, thinner than 8 mm, go.
        dense = ndimage.binary_fill_holes(ct.data[:, :, k] > -400)
        expected = ndimage.binary_opening(dense, iterations=6)
        assert agreement(body[:, :, k], expected) > 0.985
        assert body[:, :, k].sum() > 0.3 * body[:, :, k].size
