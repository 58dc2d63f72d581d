"""A donor's map goes to the same place in the box."""

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rightreason.donors import transplant
from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.inputs import InputRecord
from rightreason.layout import INPUT_KINDS
from rightreason.overlap import lent_maps
from rightreason.placement import SeenRegion, place
from rightreason.prepare import _ct_slices, choose_slices, orient, resized_affine

ORIENTATIONS = [
    "".join(letters)
    for axes in permutations(("LR", "PA", "SI"))
    for letters in product(*axes)
]  # fmt: skip


def make_record(
    kind: str, orientation: str, shape: tuple[int, int, int], rng: np.random.Generator
) -> InputRecord:
    """What `prepare` records of a CT of any orientation; shape and spacing along L, P, S."""
    affine = np.diag([-0.8, -1.1, 3.0, 1.0])
    affine[:3, :3] = nib.eulerangles.euler2mat(*rng.uniform(-0.1, 0.1, 3)) @ affine[:3, :3]
    affine[:3, 3] = rng.uniform(-300, 300, 3)
    image = nib.Nifti1Image(np.zeros(shape, dtype=np.int8), affine)
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("LPS"), nib.orientations.axcodes2ornt(orientation)
    )
    image = image.as_reoriented(turn)
    ct = Volume(np.asarray(image.dataobj), Grid(image.shape, image.affine))
    box = []
    for size in image.shape:
        start = int(rng.integers(0, 3))
        box.append((start, int(rng.integers(start + 1, size + 1))))
    lps, grid, axis = orient(ct, box)
    if kind == "volume":
        prepared = (5, 4, 6)
        slices, ct_slices = list(range(6)), []
    else:
        prepared = (6, 6, lps.shape[2])
        slices = choose_slices(lps.shape[2], 4, repeat=kind == "subset")
        ct_slices = _ct_slices(ct, box, axis, slices)
    return InputRecord(
        kind, prepared, resized_affine(grid, prepared).tolist(), ct.grid.shape,
        ct.grid.affine.tolist(), [list(side) for side in box], axis, slices, ct_slices,
    )  # fmt: skip


def random_map(record: InputRecord, rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(size=record.shape).astype(np.float32)
    if record.kind != "volume":
        others = np.setdiff1d(np.arange(record.shape[2]), record.slices)
        values[:, :, others] = 0
    return values


def assert_own(kind: str, orientation: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    record = make_record(kind, orientation, tuple(rng.integers(4, 12, 3).tolist()), rng)
    values = random_map(record, rng)
    expected = place(Volume(values, record.grid), record)
    np.testing.assert_array_equal(transplant(values, record, record), expected)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_the_donor_itself_gets_its_own_map_back(kind: str, orientation: str) -> None:
    assert_own(kind, orientation, len(kind))


@given(st.sampled_from(INPUT_KINDS), st.sampled_from(ORIENTATIONS), st.integers(0, 2**32 - 1))
def test_the_donor_itself_gets_its_own_map_back_whatever_the_crop(
    kind: str, orientation: str, seed: int
) -> None:
    assert_own(kind, orientation, seed)


@given(st.sampled_from(ORIENTATIONS), st.sampled_from(ORIENTATIONS), st.integers(0, 2**32 - 1))
def test_a_place_in_the_box_stays_that_place_in_the_body(there: str, here: str, seed: int) -> None:
    # A map that is linear in the box (0 to 1 towards left, back and head) keeps its values.
    rng = np.random.default_rng(seed)
    donor = make_record("volume", there, (9, 8, 7), rng)
    other = make_record("volume", here, (11, 6, 10), rng)
    parts = [(np.arange(n) + 0.5) / n for n in donor.shape]
    values = 100 * parts[0][:, None, None] + 10 * parts[1][:, None] + parts[2]
    placed = transplant(values.astype(np.float32), donor, other)
    seen = SeenRegion.of(other)
    at = np.stack(np.meshgrid(*seen.axes, indexing="ij"), -1)
    mm = nib.affines.apply_affine(other.ct_grid.affine, at)
    # Independent of the code: relative places from patient space, by the prepared image's affine.
    index = nib.affines.apply_affine(np.linalg.inv(other.grid.affine), mm)
    relative = (index + 0.5) / other.shape
    half = 0.5 / np.array(donor.shape)
    expected = np.clip(relative, half, 1 - half) @ [100, 10, 1]
    np.testing.assert_allclose(placed, expected, atol=1e-3)


def slices_record(kind: str, height: int, slices: list[int], flip: bool = False) -> InputRecord:
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    ct_affine = np.diag([-1.0, -1.0, -1.0 if flip else 1.0, 1.0])
    ct_affine[2, 3] = height - 1 if flip else 0
    ct_slices = [height - 1 - z for z in slices] if flip else slices
    return InputRecord(
        kind, (2, 2, height), affine.tolist(), (2, 2, height), ct_affine.tolist(),
        [[0, 2], [0, 2], [0, height]], 2, slices, ct_slices,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["slices", "subset"])
@pytest.mark.parametrize("flip", [False, True])
def test_slices_take_the_nearest_seen_slice_by_hand(kind: str, flip: bool) -> None:
    donor = slices_record(kind, 10, [1, 4, 4, 8] if kind == "subset" else [1, 4, 8])
    here = slices_record(kind, 20, [2, 9, 10, 12, 13, 19], flip)
    values = np.zeros((2, 2, 10), dtype=np.float32)
    values[:, :, [1, 4, 8]] = [1, 4, 8]
    # Relative heights: the donor's 0.15, 0.45, 0.85; here 0.125, 0.475, 0.525, 0.625, 0.675, 0.975.
    expected = [1, 4, 4, 4, 8, 8]
    placed = transplant(values, donor, here)
    assert placed[0, 1].tolist() == (expected[::-1] if flip else expected)


def test_a_donor_without_a_usable_map_lends_nothing(tmp_path: Path) -> None:
    """The case that would borrow it is scored all the same."""
    record = slices_record("slices", 10, [1, 4])
    donors = []
    for name, value in (("good", 1.0), ("bad", np.nan)):
        values = np.full(record.shape, value, dtype=np.float32)
        nib.save(nib.Nifti1Image(values, record.grid.affine), tmp_path / f"{name}.nii.gz")
        donors.append((record, {"cam": tmp_path / f"{name}.nii.gz"}))
    lent = lent_maps(donors, "cam")
    assert [volume.data.flat[0] for _, volume in lent] == [1]


def test_kinds_and_grids_must_fit() -> None:
    one, other = slices_record("slices", 10, [1, 4]), slices_record("subset", 10, [1, 4])
    with pytest.raises(InputError, match="`slices` cannot stand in for `subset`"):
        transplant(np.zeros(one.shape, dtype=np.float32), one, other)
    with pytest.raises(InputError, match="does not fit"):
        transplant(np.zeros((2, 2, 9), dtype=np.float32), one, one)
