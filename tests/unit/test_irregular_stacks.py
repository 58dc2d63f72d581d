"""Contours and segmentations on stacks whose volume is not made of the acquired slices one by one.

Uneven: slices at 0, 3, 6, 12 and 21 mm; the volume has one every 3 mm, so that acquired slices
0 to 4 are slices 0, 1, 2 (and 3), 4 (and 5), 7 (and 6) of it. Tilted: a gantry at 36.9 degrees
(3-4-5 triangle); along the normal slices lie 4 mm apart, and each is 3 mm, one and a half pixels,
further along its columns than the one before.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from rightreason.annotate import annotate_case
from rightreason.errors import InputError
from rightreason.images import Grid, load

from tests.ct_records import write_ct
from tests.dicom_files import (
    COLUMN_SPACING,
    COLUMNS,
    ORIGIN,
    ROW_SPACING,
    ROWS,
    ct_slice,
    rtstruct,
    write,
)
from tests.unit.test_annotate import segmentation

SETTINGS = {"outside": "error", "max_volume_change": 0.05, "fractional_threshold": 0.5}
HEIGHTS = [0.0, 3, 6, 12, 21]
TILTED = 4
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_case(folder: Path, slices: list[Dataset], grid: Grid) -> list[Dataset]:
    for place, item in enumerate(slices):
        write(item, folder / "in" / f"{place:03d}.dcm")
    write_ct(folder, slices, grid)
    return slices


def uneven(folder: Path) -> list[Dataset]:
    affine = np.diag([COLUMN_SPACING, ROW_SPACING, 3.0, 1.0])
    affine[:3, 3] = ORIGIN
    slices = [
        ct_slice(k, ImagePositionPatient=[*ORIGIN[:2], ORIGIN[2] + z])
        for k, z in enumerate(HEIGHTS)
    ]
    return write_case(folder, slices, Grid((COLUMNS, ROWS, 8), LPS_TO_RAS @ affine))


def tilted(folder: Path) -> list[Dataset]:
    """The corrected volume has five rows more, so that all slices fit."""
    affine = np.eye(4)
    affine[:3, 0] = COLUMN_SPACING, 0, 0
    affine[:3, 1] = ROW_SPACING * np.array([0, 0.8, 0.6])
    affine[:3, 2] = 4 * np.array([0, -0.6, 0.8])
    affine[:3, 3] = ORIGIN
    slices = [
        ct_slice(
            k,
            ImagePositionPatient=[*ORIGIN[:2], ORIGIN[2] + 5 * k],
            ImageOrientationPatient=[1, 0, 0, 0, 0.8, 0.6],
        )
        for k in range(TILTED)
    ]
    return write_case(folder, slices, Grid((COLUMNS, ROWS + 5, TILTED), LPS_TO_RAS @ affine))


def on_slice(item: Dataset, columns: tuple[float, float], rows: tuple[float, float]) -> np.ndarray:
    """A rectangle in pixels of one slice, as a contour in LPS mm."""
    origin = np.array(item.ImagePositionPatient, dtype=float)
    across, down = np.array(item.ImageOrientationPatient, dtype=float).reshape(2, 3)
    corners = [(columns[0], rows[0]), (columns[1], rows[0]), (columns[1], rows[1]),
               (columns[0], rows[1])]  # fmt: skip
    return np.array(
        [origin + c * COLUMN_SPACING * across + r * ROW_SPACING * down for c, r in corners]
    )


def mark(folder: Path, file: Path, **changes: object) -> dict[int, list[tuple[int, int]]]:
    """Return the marked (column, row) of each slice of the volume."""
    rows = [{"rater": "r", "file": str(file), "roi": None}]
    settings = {**SETTINGS, **changes}
    annotate_case("a", folder / "ct.nii.gz", folder / "ct.json", rows, folder / "out", settings)
    found: dict[int, list[tuple[int, int]]] = {}
    for i, j, k in np.argwhere(load(folder / "out" / "r.nii.gz").data).tolist():
        found.setdefault(k, []).append((i, j))
    return found


def rectangle(columns: range, rows: range) -> list[tuple[int, int]]:
    return [(c, r) for c in columns for r in rows]


SMALL, LARGE = rectangle(range(2, 4), range(1, 3)), rectangle(range(2, 5), range(1, 3))


def test_contours_on_uneven_slices(tmp_path: Path) -> None:
    slices = uneven(tmp_path)
    contours = [
        on_slice(slices[2], (1.5, 3.5), (0.5, 2.5)),
        on_slice(slices[3], (1.5, 4.5), (0.5, 2.5)),
    ]
    found = mark(tmp_path, write(rtstruct([(1, "gtv", contours)]), tmp_path / "r.dcm"))
    assert found == {2: SMALL, 3: SMALL, 4: LARGE, 5: LARGE}


def test_a_hole_on_uneven_slices_is_a_hole_in_each(tmp_path: Path) -> None:
    slices = uneven(tmp_path)
    contours = [
        on_slice(slices[3], (0.5, 6.5), (0.5, 4.5)),
        on_slice(slices[3], (2.5, 4.5), (1.5, 3.5)),
    ]
    found = mark(tmp_path, write(rtstruct([(1, "gtv", contours)]), tmp_path / "r.dcm"))
    ring = set(rectangle(range(1, 7), range(1, 5))) - set(rectangle(range(3, 5), range(2, 4)))
    assert found == {4: sorted(ring), 5: sorted(ring)}


def test_contours_drawn_on_the_resampled_volume_fill_its_slices(tmp_path: Path) -> None:
    """Slice 3 of the volume was never acquired; who drew on it drew on the volume."""
    slices = uneven(tmp_path)
    step = np.array([0, 0, 3.0])
    contours = [on_slice(slices[2], (1.5, 3.5), (0.5, 2.5)) + k * step for k in (0, 1)]
    found = mark(tmp_path, write(rtstruct([(1, "gtv", contours)]), tmp_path / "r.dcm"))
    assert found == {2: SMALL, 3: SMALL}


def test_contours_beyond_an_uneven_stack_lie_outside(tmp_path: Path) -> None:
    slices = uneven(tmp_path)
    contours = [on_slice(slices[4], (1.5, 3.5), (0.5, 2.5))]
    contours.append(contours[0] + [0, 0, 6.0])
    plan = write(rtstruct([(1, "gtv", contours)]), tmp_path / "r.dcm")
    # Slices 6 and 7 take the last acquired one; beyond, one slice of 2 x 2 voxels of 9 mm3.
    with pytest.raises(InputError, match=r"33\.3 % of the mask \(36 of 108 mm3\) lies outside"):
        mark(tmp_path, plan)
    assert mark(tmp_path, plan, outside="clip") == {6: SMALL, 7: SMALL}


def test_contours_between_uneven_slices_are_refused(tmp_path: Path) -> None:
    slices = uneven(tmp_path)
    contours = [on_slice(slices[k], (1.5, 3.5), (0.5, 2.5)) for k in (1, 2, 3)]
    contours[2] = contours[2] + [0, 0, 1.3]
    with pytest.raises(InputError, match="lie between the slices of the CT, and not evenly spaced"):
        mark(tmp_path, write(rtstruct([(1, "gtv", contours)]), tmp_path / "r.dcm"))


def test_contours_on_every_second_acquired_slice_are_refused(tmp_path: Path) -> None:
    affine = np.diag([COLUMN_SPACING, ROW_SPACING, 3.0, 1.0])
    affine[:3, 3] = ORIGIN
    heights = [0.0, 3, 6, 9, 15, 18, 21]
    slices = [
        ct_slice(k, ImagePositionPatient=[*ORIGIN[:2], ORIGIN[2] + z])
        for k, z in enumerate(heights)
    ]
    write_case(tmp_path, slices, Grid((COLUMNS, ROWS, 8), LPS_TO_RAS @ affine))
    contours = [on_slice(slices[k], (1.5, 3.5), (0.5, 2.5)) for k in (0, 2, 4, 6)]
    with pytest.raises(InputError, match=r"every 2\. slice"):
        mark(tmp_path, write(rtstruct([(1, "gtv", contours)]), tmp_path / "r.dcm"))


def frames(count: int, *marked: tuple[int, list[tuple[int, int]]]) -> np.ndarray:
    masks = np.zeros((count, ROWS, COLUMNS, 1), dtype=np.uint8)
    for k, pixels in marked:
        for c, r in pixels:
            masks[k, r, c, 0] = 1
    return masks


def test_a_segmentation_of_uneven_slices(tmp_path: Path) -> None:
    uneven(tmp_path)
    file = segmentation(tmp_path, tmp_path / "s.dcm", frames(5, (1, SMALL), (3, LARGE), (4, SMALL)))
    found = mark(tmp_path, file)
    assert found == {1: SMALL, 4: LARGE, 5: LARGE, 6: SMALL, 7: SMALL}


def test_a_segmentation_and_contours_of_tilted_slices_agree_with_hand_counts(
    tmp_path: Path,
) -> None:
    """Rows 1 and 2 of slice k are rows 1 + 1.5 k and 2 + 1.5 k of the corrected volume.

    A pixel's centre on the edge between two voxels: the mask's tie goes to the higher pixel, so
    that rows 2.5 and 3.5 of slice 1 are rows 2 and 3; contours say the same of voxel centres
    from 2.0 (at 2.1) to 3.9.
    """
    slices = tilted(tmp_path)
    seg = segmentation(tmp_path, tmp_path / "s.dcm",
                       frames(TILTED, *((k, SMALL) for k in range(TILTED))))  # fmt: skip
    expected = {
        k: rectangle(range(2, 4), range(first, first + 2)) for k, first in enumerate([1, 2, 4, 5])
    }
    assert mark(tmp_path, seg) == expected
    contours = [on_slice(item, (1.5, 3.5), (0.4, 2.4)) for item in slices]
    plan = write(rtstruct([(1, "gtv", contours)]), tmp_path / "r.dcm")
    assert mark(tmp_path, plan) == expected


def test_a_nifti_of_the_corrected_volume_is_placed_by_its_own_geometry(tmp_path: Path) -> None:
    tilted(tmp_path)
    ct = load(tmp_path / "ct.nii.gz")
    import nibabel as nib

    data = np.zeros(ct.grid.shape, dtype=np.uint8)
    data[2:4, 1:3, 1] = 1
    image = nib.Nifti1Image(data, ct.grid.affine)
    image.set_qform(ct.grid.affine, 1)
    nib.save(image, tmp_path / "m.nii")
    assert mark(tmp_path, tmp_path / "m.nii") == {1: SMALL}


def test_a_segmentation_that_lies_between_the_slices_is_refused(tmp_path: Path) -> None:
    """Neither a regular volume of its own, nor on the CT's slices."""
    uneven(tmp_path)
    file = segmentation(tmp_path, tmp_path / "s.dcm", frames(5, (1, SMALL), (2, SMALL), (3, SMALL)))
    dataset = dcmread(file)
    shifts = {3: 0.3, 6: 0.4, 12: 2.0}
    for item in dataset.PerFrameFunctionalGroupsSequence:
        del item.DerivationImageSequence
        place = item.PlanePositionSequence[0]
        x, y, z = place.ImagePositionPatient
        place.ImagePositionPatient = [x, y, z + shifts[int(z - ORIGIN[2])]]
    del dataset.ReferencedSeriesSequence
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    if "SpacingBetweenSlices" in measures:
        del measures.SpacingBetweenSlices
    dataset.save_as(file)
    with pytest.raises(InputError, match=r"frame \d lies between the slices of the CT"):
        mark(tmp_path, file)


def test_resampling_frames_is_logged_and_bounded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One pixel of a frame on a grid one third finer than the CT's becomes no voxel or a whole."""
    slices = uneven(tmp_path)
    fine = [
        ct_slice(
            k, ImagePositionPatient=item.ImagePositionPatient, PixelSpacing=[2.0, 1.0],
            SOPInstanceUID=item.SOPInstanceUID,
        )
        for k, item in enumerate(slices)
    ]  # fmt: skip
    other = tmp_path / "other"
    for place, item in enumerate(fine):
        write(item, other / "in" / f"{place}.dcm")
    file = segmentation(other, tmp_path / "s.dcm", frames(5, (3, [(c, 1) for c in range(6)])))
    caplog.set_level(logging.INFO)
    # Pixels 0 to 5 of 1 mm reach from -0.5 to 5.5 mm: the centres of columns 0 to 3 of 1.5 mm.
    assert mark(tmp_path, file) == {4: rectangle(range(4), range(1, 2)),
                                    5: rectangle(range(4), range(1, 2))}  # fmt: skip
    file = segmentation(other, tmp_path / "s.dcm", frames(5, (3, [(0, 1)])))
    with pytest.raises(InputError, match=r"changes the volume from 12\.0 to 18\.0 mm3"):
        mark(tmp_path, file)
    assert "s.dcm: put on the slices of the CT; 12.0 mm3 before, 18.0 mm3 after" in caplog.messages
