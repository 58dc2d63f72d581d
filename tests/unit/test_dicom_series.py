"""Headers, the choice of a series and its geometry, without converting anything."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from rightreason.convert import convert_case
from rightreason.dicom_geometry import stack_slices
from rightreason.dicom_headers import read_headers
from rightreason.dicom_series import choose
from rightreason.dicom_slices import kernels_of
from rightreason.errors import InputError

from tests.dicom_files import (
    COLUMNS,
    ORIGIN,
    ROWS,
    STEP,
    ct_slice,
    enhanced,
    stored,
    write,
    write_series,
)

PYDICOM_FILES = sorted(p for p in Path(get_testdata_file("CT_small.dcm")).parent.iterdir()
                       if p.is_file())  # fmt: skip


def test_a_header_becomes_a_slice(tmp_path: Path) -> None:
    path = write(ct_slice(2, GantryDetectorTilt=1.5), tmp_path / "a.dcm")
    (item,) = read_headers("a", path).slices
    assert item.position == (ORIGIN[0], ORIGIN[1], ORIGIN[2] + 2 * STEP)
    assert (item.rows, item.columns, item.spacing) == (ROWS, COLUMNS, (2.0, 1.5))
    assert (item.rescale, item.tilt_deg, item.instance_number) == ((1.0, -200.0), 1.5, 3)
    assert item.normal.tolist() == [0, 0, 1]
    assert (item.frame, item.file) == (None, 0)


def test_frames_take_shared_and_own_attributes(tmp_path: Path) -> None:
    slices = read_headers("a", write(enhanced(3), tmp_path / "a.dcm")).slices
    assert [item.frame for item in slices] == [0, 1, 2]
    assert [item.position[2] for item in slices] == [106, 103, 100]
    assert {(item.spacing, item.rescale) for item in slices} == {((2.0, 1.5), (1.0, -200.0))}


def test_names_are_never_read(tmp_path: Path) -> None:
    dataset = ct_slice(0, SpecificCharacterSet=["", "ISO 2022 IR 87"])
    dataset.PatientName = "Yamada^Tarou=山田^太郎"
    (item,) = read_headers("a", write(dataset, tmp_path / "a.dcm")).slices
    assert "amada" not in repr(item)
    assert "4711" not in repr(item)


def test_real_files_of_every_kind_are_slices_or_have_a_reason() -> None:
    slices, problems = {}, {}
    for path in PYDICOM_FILES:
        try:
            headers = read_headers("a", path)
        except InputError as error:
            problems[path.name] = str(error)
            continue
        assert bool(headers.slices) != bool(headers.left_out), path
        if headers.slices:
            slices[path.name] = headers.slices
    assert set(slices) == {"693_J2KI.dcm", "CT_small.dcm", "J2K_pixelrep_mismatch.dcm"}
    assert all(name in problem for name, problem in problems.items())
    (small,) = slices["CT_small.dcm"]
    assert small.position == (-158.135803, -179.035797, -75.699997)
    assert (small.spacing, small.rescale) == ((0.661468, 0.661468), (1.0, -1024.0))


def test_the_grid_of_an_oblique_stack(tmp_path: Path) -> None:
    """Coronal slices from the front to the back, files in falling order."""

    def change(k: int, dataset: Any) -> None:
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        dataset.ImagePositionPatient = [-10, 40 - 2.5 * k, 70]

    image = write_series(tmp_path / "in", range(4), change=change)
    headers = read_headers("a", image)
    stack = stack_slices("a", choose("a", image, headers, None))
    assert stack.grid.shape == (COLUMNS, ROWS, 4)
    assert np.allclose(
        stack.grid.affine, [[-1.5, 0, 0, 10], [0, 0, -2.5, -32.5], [0, -2, 0, 70], [0, 0, 0, 1]]
    )
    assert [item.instance_number for item in stack.slices] == [4, 3, 2, 1]
    assert stack.rounding_mm == pytest.approx(0, abs=1e-9)


def test_a_repeat_does_not_hide_a_gap(tmp_path: Path) -> None:
    image = write_series(tmp_path / "in", (0, 1, 3, 4))
    write(ct_slice(1, InstanceNumber=9), image / "again.dcm")
    headers = read_headers("a", image)
    with pytest.raises(InputError) as caught:
        stack_slices("a", choose("a", image, headers, None))
    assert "1 position(s) are taken twice, by slices that differ" in str(caught.value)
    assert "1 slice(s) are missing" in str(caught.value)


def test_slices_of_two_scans_under_one_series(tmp_path: Path) -> None:
    image = write_series(tmp_path / "in", (0, 1, 2))
    write(ct_slice(3, FrameOfReferenceUID="1.2.99", StudyInstanceUID="1.2.98"), image / "x.dcm")
    headers = read_headers("a", image)
    with pytest.raises(InputError) as caught:
        choose("a", image, headers, None)
    assert "2 different StudyInstanceUIDs among 4 slices" in str(caught.value)
    assert "2 different FrameOfReferenceUIDs among 4 slices" in str(caught.value)


def test_derived_slices_beside_the_acquired_ones(tmp_path: Path) -> None:
    """Copies of acquired slices are set apart; derived slices that fill places are kept."""
    image = write_series(tmp_path / "in", (0, 1, 2))
    derived = ["DERIVED", "PRIMARY", "AXIAL"]
    for k in (1, 2, 3):
        write(ct_slice(k, ImageType=derived), image / f"x{k}.dcm")
    headers = read_headers("a", image)
    names = sorted(item.path.name for item in choose("a", image, headers, None))
    assert names == ["002.dcm", "007.dcm", "012.dcm", "x3.dcm"]
    assert headers.left_out == {"derived series": [3, 4]}


def test_derived_slices_between_the_acquired_ones(tmp_path: Path) -> None:
    """Averages half a step off would make a finer volume of two kinds of slices."""
    image = write_series(tmp_path / "in", (0, 1, 2, 3))
    for k in range(3):
        between = [*ORIGIN[:2], ORIGIN[2] + STEP * (k + 0.5)]
        write(ct_slice(k + 4, ImageType=["DERIVED", "SECONDARY", "AXIAL", "AVERAGE"],
                       ImagePositionPatient=between), image / f"x{k}.dcm")  # fmt: skip
    headers = read_headers("a", image)
    names = sorted(item.path.name for item in choose("a", image, headers, None))
    assert names == ["002.dcm", "007.dcm", "012.dcm", "017.dcm"]
    assert headers.left_out == {"derived series": [4, 5, 6]}


def test_two_kernels_under_one_series(tmp_path: Path) -> None:
    """They stand at the same places: two volumes, never one that takes slices of either."""
    image = write_series(tmp_path / "in", (0, 1, 2))
    for k in range(3):
        other = ct_slice(k, ConvolutionKernel="B70", SOPInstanceUID=f"1.2.3.10.{k}")
        other.PixelData = (stored(k) + 7).tobytes()
        write(other, image / f"{(k * 5 + 2 + (-1) ** k):03d}.dcm")
    with pytest.raises(InputError) as caught:
        choose("a", image, read_headers("a", image), "1.2.3.8")
    assert "which names 2 of the volumes" in str(caught.value)
    assert "[1] 'Thorax', kernel B30, 3 slices of 8 x 6, 3 mm apart" in str(caught.value)
    assert "[2] 'Thorax', kernel B70, 3 slices of 8 x 6, 3 mm apart" in str(caught.value)
    for index, kernel in (("1", "B30"), ("2", "B70")):
        headers = read_headers("a", image)
        chosen = choose("a", image, headers, index)
        assert [item.series.kernel for item in chosen] == [kernel] * 3
        assert {reason: len(files) for reason, files in headers.left_out.items()} == {
            "another reconstruction": 3
        }


def test_thick_and_thin_slices_under_one_series(tmp_path: Path) -> None:
    image = write_series(tmp_path / "in", range(6))
    for k in (0, 2, 4):
        write(ct_slice(k, SliceThickness=6, SOPInstanceUID=f"1.2.3.10.{k}"), image / f"x{k}.dcm")
    with pytest.raises(InputError) as caught:
        choose("a", image, read_headers("a", image), None)
    assert "kernel B30, 6 slices of 8 x 6, 3 mm apart, 3 mm thick" in str(caught.value)
    assert "kernel B30, 3 slices of 8 x 6, 6 mm apart, 6 mm thick" in str(caught.value)


def test_a_scan_that_goes_on_in_thicker_slices_from_the_same_place(tmp_path: Path) -> None:
    """One place that both parts hold is a repeated position, which has its policy."""
    image = write_series(tmp_path / "in", range(4))
    for k in (3, 5, 7):
        write(ct_slice(k, SliceThickness=6, InstanceNumber=k + 10), image / f"x{k}.dcm")
    assert len(choose("a", image, read_headers("a", image), None)) == 7


def test_a_scan_whose_kernel_changes_on_the_way_is_one_volume(tmp_path: Path) -> None:
    def change(k: int, dataset: Dataset) -> None:
        dataset.ConvolutionKernel = "B30" if k < 2 else "B70"

    image = write_series(tmp_path / "in", (0, 1, 2, 3), change=change)
    chosen = choose("a", image, read_headers("a", image), None)
    assert len(chosen) == 4
    assert kernels_of(sorted(chosen, key=lambda item: item.position)) == "B30 and B70"


def test_slices_without_a_place_are_named_so(tmp_path: Path) -> None:
    image = write_series(tmp_path / "in", (0, 1, 2), PixelSpacing=None)
    with pytest.raises(InputError) as caught:
        choose("a", image, read_headers("a", image), None)
    assert "found: 3 x CT slice without position, orientation or pixel spacing" in str(caught.value)


def test_frames_that_were_averaged_are_left_out(tmp_path: Path) -> None:
    dataset = enhanced(4)
    for frame, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        kind = Dataset()
        kind.FrameType = ["ORIGINAL" if frame < 2 else "DERIVED", "PRIMARY", "VOLUME", "NONE"]
        item.CTImageFrameTypeSequence = [kind]
        if frame > 1:
            place = dataset.PerFrameFunctionalGroupsSequence[frame - 2].PlanePositionSequence[0]
            item.PlanePositionSequence[0].ImagePositionPatient = place.ImagePositionPatient
    image = write(dataset, tmp_path / "a.dcm")
    headers = read_headers("a", image)
    assert [item.frame for item in choose("a", image, headers, None)] == [0, 1]
    assert headers.left_out == {"derived series (some frames)": [0]}


@pytest.mark.parametrize("seed", range(3))
def test_damage_ends_in_a_volume_or_in_a_sentence(tmp_path: Path, seed: int) -> None:
    """30 damaged files a seed: bytes flipped, zeroed, doubled or cut off."""
    chance = random.Random(seed)
    image = write_series(tmp_path / "in", range(4))
    victim = image / "007.dcm"
    whole = victim.read_bytes()
    for _ in range(30):
        damaged, at = bytearray(whole), chance.randrange(len(whole))
        kind = chance.choice(("flip", "zero", "double", "cut"))
        if kind == "flip":
            damaged[at] = chance.randrange(256)
        elif kind == "zero":
            damaged[at : at + 20] = bytes(20)
        elif kind == "double":
            damaged[at:at] = damaged[at : at + 30]
        else:
            del damaged[at:]
        victim.write_bytes(damaged)
        volume = tmp_path / "v.nii.gz"
        volume.unlink(missing_ok=True)
        problem = ""
        try:
            convert_case("a", image, None, volume, tmp_path / "r.json", {"timeout_s": 60})
        except InputError as error:
            problem = str(error)
        assert problem.startswith("Case a: ") != volume.exists()
