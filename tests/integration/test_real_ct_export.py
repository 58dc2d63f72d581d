"""DICOM objects of real CT: placed as the volume is, valid, and referring to what is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from rightreason.errors import InputError

from tests.dicom_files import enhanced_of, write
from tests.exported import UNSEEN, assert_as_the_map, assert_valid, exported, planes_of, rising

TILTED = {"tilt": "correct", "uneven_spacing": "resample"}
SERIES = {
    "lidc/dicom": {},
    "dcmqi/dicom": {},
    "sts/STS_001/dicom": {},
    "dcm_qa_ct/Philips_mixed_study": {},
    "dcm_qa_ct/GE_tilt_variable_spacing": TILTED,
    "pydicom/enhanced_multiframe_ct.dcm": {},
}


def instances(image: Path) -> dict[str, pydicom.Dataset]:
    """Return every instance of a folder or file, by its UID."""
    files = [image] if image.is_file() else [p for p in image.rglob("*") if p.is_file()]
    read = [pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in files]
    return {str(d.get("SOPInstanceUID", "")): d for d in read}


@pytest.mark.parametrize("folder", SERIES)
def test_objects_of_real_series(real_ct: Path, tmp_path: Path, folder: str) -> None:
    image = real_ct / folder
    scene = exported(image, tmp_path, slices=5, values=rising, **SERIES[folder])
    seen = scene.expected != UNSEEN
    assert_as_the_map(scene, "pm")
    assert_as_the_map(
        scene, "seg", seen & (scene.expected >= np.float32(scene.expected[seen].max() / 2))
    )
    there = instances(image)
    for frame, ras, _ in planes_of(scene.read("pm")):
        for source in frame.DerivationImageSequence[0].SourceImageSequence:
            original = there[source.ReferencedSOPInstanceUID]
            assert original.StudyInstanceUID == scene.read("pm").StudyInstanceUID
            if source.SpatialLocationsPreserved == "YES" and "ImagePositionPatient" in original:
                corner = np.array(original.ImagePositionPatient, dtype=float) * [-1, -1, 1]
                assert np.array_equal(corner, ras[0, 0])
    first = scene.read("pm").SourceImageSequence[0].ReferencedSOPInstanceUID
    for kind in ("pm", "seg"):
        assert_valid(scene.out / f"m.cam.{kind}.dcm", Path(there[first].filename))


def test_a_series_without_uids_of_its_own(real_ct: Path, tmp_path: Path) -> None:
    """As a public data set has it: converted, but no object could say where it belongs."""
    with pytest.raises(InputError, match="has no StudyInstanceUID and no SeriesInstanceUID"):
        exported(real_ct / "totalseg" / "dicom", tmp_path, slices=5)


def test_a_multi_frame_file_of_the_same_scan(real_ct: Path, tmp_path: Path) -> None:
    files = [pydicom.dcmread(path) for path in sorted((real_ct / "lidc" / "dicom").iterdir())]
    order = np.random.default_rng(1).permutation(len(files))
    multi = write(enhanced_of([files[k] for k in order]), tmp_path / "multi.dcm")
    scene = exported(multi, tmp_path, slices=3)
    assert_as_the_map(scene, "pm")
    for frame, ras, _ in planes_of(scene.read("pm")):
        (source,) = frame.DerivationImageSequence[0].SourceImageSequence
        original = files[order[source.ReferencedFrameNumber - 1]]
        corner = np.array(original.ImagePositionPatient, dtype=float) * [-1, -1, 1]
        assert np.array_equal(corner, ras[0, 0])
    assert_valid(scene.out / "m.cam.pm.dcm")
