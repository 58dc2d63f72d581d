"""DICOM objects for a PACS: right in place and value, referring to their source, made once."""

from __future__ import annotations

import importlib
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from rightreason import dicom_objects
from rightreason.case_files import ModelFiles
from rightreason.errors import InputError
from rightreason.export import export_case
from rightreason.images import load, save

from tests.dicom_files import ORIGIN, STEP, enhanced, write, write_series
from tests.exported import (
    HALF,
    SETTINGS,
    UNSEEN,
    Scene,
    assert_as_the_map,
    assert_valid,
    exported,
    height,
    planes_of,
)

ANGLE = np.radians(20)
TURNED = (0.0, float(np.cos(ANGLE)), float(np.sin(ANGLE)))
ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "prone": (-1, 0, 0, 0, -1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": (1, 0, 0, *(round(v, 8) for v in TURNED)),
    "transposed": (0, 1, 0, 1, 0, 0),
}
NAME = "Teshigawara^Ryutaro=勅使河原^龍太郎"


def oriented(cosines: tuple[float, ...], up: bool = True) -> Callable[[int, Dataset], None]:
    """Turn a series; its slices run along their normal, or against it."""
    normal = np.cross(cosines[:3], cosines[3:]) * (1 if up else -1)

    def change(k: int, dataset: Any) -> None:
        dataset.ImagePositionPatient = [round(float(v), 6) for v in ORIGIN + STEP * k * normal]
        dataset.ImageOrientationPatient = list(cosines)

    return change


def placed(places: list[tuple[float, float, float]]) -> Callable[[int, Dataset], None]:
    """Move each slice by so many mm from the first."""

    def change(k: int, dataset: Any) -> None:
        dataset.ImagePositionPatient = [o + d for o, d in zip(ORIGIN, places[k], strict=True)]

    return change


def series(tmp_path: Path, **changes: Any) -> Path:
    return write_series(tmp_path / "in", **changes)


def attended(scene: Scene) -> np.ndarray:
    """Cut at half of the largest value, as counted by hand."""
    seen = scene.expected != UNSEEN
    return seen & (scene.expected >= scene.expected[seen].max() / 2)


def sources_of(frame: Any) -> list[Any]:
    return list(frame.DerivationImageSequence[0].SourceImageSequence)


@pytest.mark.parametrize("slices", [None, 1, 2])
@pytest.mark.parametrize("name", ORIENTATIONS)
def test_pixels_stand_where_the_map_has_them(tmp_path: Path, name: str, slices: int | None) -> None:
    change = oriented(ORIENTATIONS[name], up=name != "coronal")
    scene = exported(series(tmp_path, change=change), tmp_path, slices)
    assert len(np.unique(scene.expected)) > 20
    assert_as_the_map(scene, "pm")
    assert_as_the_map(scene, "seg", attended(scene))
    (shared,) = scene.read("pm").SharedFunctionalGroupsSequence
    found = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    assert np.allclose(np.array(found, dtype=float), ORIENTATIONS[name])
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == [2, 1.5]


def test_each_frame_refers_to_the_instance_at_its_place(tmp_path: Path) -> None:
    folder = series(tmp_path)
    scene = exported(folder, tmp_path, slices=2)
    by_uid = {d.SOPInstanceUID: d for d in map(pydicom.dcmread, folder.iterdir())}
    named = set()
    for frame, _, _ in planes_of(scene.read("pm")):
        (source,) = sources_of(frame)
        original = by_uid[source.ReferencedSOPInstanceUID]
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        assert list(position) == list(original.ImagePositionPatient)
        assert source.SpatialLocationsPreserved == "YES"
        assert source.ReferencedSOPClassUID == original.SOPClassUID
        named.add(original.SOPInstanceUID)
    assert named == {"1.2.3.9.2", "1.2.3.9.4"}
    (said,) = scene.read("pm").ReferencedSeriesSequence
    assert said.SeriesInstanceUID == "1.2.3.8"
    assert {i.ReferencedSOPInstanceUID for i in said.ReferencedInstanceSequence} == named


def test_frames_of_a_multi_frame_source(tmp_path: Path) -> None:
    path = write(enhanced(), tmp_path / "in" / "multi.dcm")
    scene = exported(path, tmp_path)
    assert_as_the_map(scene, "pm")
    assert_as_the_map(scene, "seg", attended(scene))
    # Its frames lie in falling order: frame 1 at the height of slice 5.
    for frame, ras, _ in planes_of(scene.read("pm")):
        (source,) = sources_of(frame)
        assert source.ReferencedFrameNumber == 6 - round((ras[0, 0, 2] - ORIGIN[2]) / STEP)
        assert source.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2.1"
        assert source.ReferencedSOPInstanceUID == "1.2.3.9.1"
    assert_valid(scene.out / "m.cam.pm.dcm")
    assert_valid(scene.out / "m.cam.seg.dcm")


def test_interpolated_slices_have_places_of_their_own_and_two_sources(tmp_path: Path) -> None:
    folder = series(tmp_path, slices=[0, 1, 2, 4, 5, 6])
    scene = exported(folder, tmp_path, gap="interpolate")
    assert_as_the_map(scene, "pm")
    found = {
        round((ras[0, 0, 2] - ORIGIN[2]) / STEP): {
            (s.ReferencedSOPInstanceUID, s.SpatialLocationsPreserved) for s in sources_of(frame)
        }
        for frame, ras, _ in planes_of(scene.read("pm"))
    }
    assert found[3] == {("1.2.3.9.3", "NO"), ("1.2.3.9.5", "NO")}
    for k in (1, 2, 4, 5):
        assert found[k] == {(f"1.2.3.9.{k + 1}", "YES")}
    assert_valid(scene.out / "m.cam.pm.dcm")


def test_unevenly_spaced_slices(tmp_path: Path) -> None:
    heights = [0, 2, 4, 7, 10, 13]
    folder = series(tmp_path, change=placed([(0, 0, float(z)) for z in heights]))
    scene = exported(folder, tmp_path, uneven_spacing="resample")
    assert_as_the_map(scene, "pm")
    assert_as_the_map(scene, "seg", attended(scene))
    for frame, ras, _ in planes_of(scene.read("pm")):
        uids = [int(s.ReferencedSOPInstanceUID.split(".")[-1]) - 1 for s in sources_of(frame)]
        around = sorted(heights[k] for k in uids)
        assert around[0] - 0.01 <= ras[0, 0, 2] - ORIGIN[2] <= around[-1] + 0.01


def test_slices_moved_back_against_tilt(tmp_path: Path) -> None:
    folder = series(tmp_path, change=placed([(0.0, 0.5 * k, STEP * k) for k in range(6)]))
    scene = exported(folder, tmp_path, tilt="correct")
    assert_as_the_map(scene, "pm")
    assert_as_the_map(scene, "seg", attended(scene))
    for frame, ras, _ in planes_of(scene.read("pm")):
        (source,) = sources_of(frame)
        k = round((ras[0, 0, 2] - ORIGIN[2]) / STEP)
        assert source.ReferencedSOPInstanceUID == f"1.2.3.9.{k + 1}"
        assert source.SpatialLocationsPreserved == "NO"


def test_positions_rounded_to_a_tenth_stay_the_sources_own(tmp_path: Path) -> None:
    places = [(0.0, 0.0, z) for z in (0.0, 3.3, 6.6, 9.9, 13.3, 16.6)]
    scene = exported(series(tmp_path, change=placed(places)), tmp_path)
    found = [
        float(frame.PlanePositionSequence[0].ImagePositionPatient[2]) - ORIGIN[2]
        for frame, _, _ in planes_of(scene.read("pm"))
    ]
    assert sorted(round(z, 6) for z in found) == [3.3, 6.6, 9.9, 13.3]
    assert_as_the_map(scene, "pm")


@pytest.mark.parametrize("name", ["axial", "sagittal", "oblique"])
def test_dcm2niix_and_highdicom_read_the_same_volume(tmp_path: Path, name: str) -> None:
    change = oriented(ORIENTATIONS[name])
    scene = exported(series(tmp_path, change=change), tmp_path)
    binary = importlib.import_module("dcm2niix").bin
    for kind, wanted in (("pm", scene.expected), ("seg", attended(scene))):
        path, to = scene.out / f"m.cam.{kind}.dcm", tmp_path / kind
        to.mkdir()
        subprocess.run([binary, "-o", to, "-b", "n", "-s", "y", path], check=True, cwd=tmp_path)
        (written,) = to.glob("*.nii*")
        read = load(written)
        assert_on_ct(scene, read.data, read.grid.affine, wanted)
        kinds = {"pm": highdicom.pm.ParametricMap, "seg": highdicom.seg.Segmentation}
        volume = kinds[kind].from_file(path).get_volume()
        ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
        assert_on_ct(scene, np.squeeze(volume.array), ras, wanted)


def assert_on_ct(scene: Scene, data: np.ndarray, affine: np.ndarray, wanted: np.ndarray) -> None:
    """The voxels of a volume in RAS mm hold what the CT grid holds there."""
    steps = np.linalg.inv(scene.ct.grid.affine) @ affine
    indices = np.argwhere(np.ones(data.shape, dtype=bool))
    at = indices @ steps[:3, :3].T + steps[:3, 3]
    assert np.abs(at - np.rint(at)).max() < 0.05
    values = wanted[tuple(np.rint(at).astype(int).T)]
    assert np.array_equal(data.ravel() != 0, values != 0) or values.dtype != bool
    # dcm2niix takes the smallest normal numbers for zeros.
    assert np.allclose(data.ravel() > 0 if values.dtype == bool else data.ravel(), values)
    assert (values > 0).sum() == (wanted > 0).sum()


def test_what_a_reader_is_told(tmp_path: Path) -> None:
    scene = exported(series(tmp_path), tmp_path)
    seg = highdicom.seg.segread(scene.out / "m.cam.seg.dcm")
    (segment,) = seg.segment_numbers
    described = seg.get_segment_description(segment)
    assert described.segment_label == "attended region"
    assert described.algorithm_type.value == "AUTOMATIC"
    assert described.algorithm_identification.name == "rightreason"
    assert described.segmented_property_category.meaning == "Spatial and Relational Concept"
    assert described.segmented_property_type.meaning == "Saliency"
    assert described.SegmentDescription == (
        "Where the model m attends, by the saliency method cam: the positive part of the map, cut "
        "by half (rule half), ties included. For research."
    )
    assert seg.SeriesDescription == "rightreason attended region, m, cam"
    pm = highdicom.pm.ParametricMap.from_file(scene.out / "m.cam.pm.dcm")
    assert pm.SeriesDescription == "rightreason saliency, m, cam"
    assert (seg.SeriesNumber, pm.SeriesNumber) == (9001, 9002)
    (shared,) = pm.SharedFunctionalGroupsSequence
    (mapping,) = shared.RealWorldValueMappingSequence
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
    seen = scene.expected[scene.expected != UNSEEN]
    assert mapping.DoubleFloatRealWorldValueFirstValueMapped == scene.expected.min()
    assert mapping.DoubleFloatRealWorldValueLastValueMapped == seen.max()
    window = shared.FrameVOILUTSequence[0]
    assert window.VOILUTFunction == "LINEAR_EXACT"
    assert float(window.WindowCenter) == pytest.approx(seen.max() / 2, rel=1e-6)
    assert float(window.WindowWidth) == pytest.approx(seen.max(), rel=1e-6)
    for made in (seg, pm):
        assert (made.Manufacturer, made.SoftwareVersions) == ("rightreason", "0.1.0")
        assert made.ContentLabel in ("ATTENDED", "SALIENCY")
    assert np.float32(pm.FloatPixelPaddingValue) == UNSEEN


@pytest.mark.parametrize("slices", [None, 2])
@pytest.mark.parametrize("name", ["axial", "oblique"])
def test_validator_finds_no_error(tmp_path: Path, name: str, slices: int | None) -> None:
    scene = exported(series(tmp_path, change=oriented(ORIENTATIONS[name])), tmp_path, slices)
    for kind in ("pm", "seg"):
        assert_valid(scene.out / f"m.cam.{kind}.dcm")


def test_made_again_the_same_and_of_other_content_another(tmp_path: Path) -> None:
    folder = series(tmp_path)

    def made(name: str, **more: Any) -> dict[str, bytes]:
        scene = exported(folder, tmp_path / name, **more)
        return {p.name.split(".")[-2]: p.read_bytes() for p in scene.out.iterdir()}

    def uids(files: dict[str, bytes]) -> set[str]:
        read = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(b)) for b in files.values()]
        return {uid for d in read for uid in (d.SOPInstanceUID, d.SeriesInstanceUID)}

    first = made("first")
    assert made("again") == first
    assert len(uids(first)) == 4
    for other in (made("model", model="other"), made("fewer", slices=2)):
        assert not uids(other) & uids(first)
    # Other values, but the same region.
    shifted = made("shifted", values=lambda ras: height(ras) * np.float32(2))
    assert shifted["seg"] == first["seg"]
    assert not uids({"pm": shifted["pm"]}) & uids(first)
    # Another cut is another region of the same map.
    top = {**SETTINGS, "binarisation": {"rule": "top", "percent": 5.0, "part": "positive"}}
    cut = made("cut", settings=top)
    assert cut["pm"] == first["pm"]
    assert not uids({"seg": cut["seg"]}) & uids(first)


def test_dates_are_those_of_the_images(tmp_path: Path) -> None:
    dates = {"StudyDate": "20200102", "StudyTime": "101112", "SeriesDate": "not a date"}
    scene = exported(series(tmp_path, **dates), tmp_path)
    assert (scene.read("seg").ContentDate, scene.read("seg").ContentTime) == ("20200102", "101112")
    bare = exported(write_series(tmp_path / "bare"), tmp_path / "b")
    assert (bare.read("pm").ContentDate, bare.read("pm").ContentTime) == ("19000101", "000000")
    assert_valid(bare.out / "m.cam.pm.dcm")


@pytest.mark.parametrize("characters", [["", "ISO 2022 IR 87"], "ISO_IR 192"])
def test_the_patient_is_in_the_objects_and_in_no_log(
    tmp_path: Path, characters: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def change(k: int, dataset: Any) -> None:
        dataset.SpecificCharacterSet, dataset.PatientName = characters, NAME
        dataset.PatientSex, dataset.PatientBirthDate = "male", "1957-08"
        dataset.AccessionNumber, dataset.DeidentificationMethod = "77319", ""
        dataset.PatientIdentityRemoved = "YES"

    with caplog.at_level(logging.DEBUG):
        scene = exported(series(tmp_path, change=change), tmp_path)
    for kind in ("seg", "pm"):
        found = scene.read(kind)
        assert str(found.PatientName) == NAME
        assert (found.PatientID, found.AccessionNumber) == ("4711", "77319")
        assert (found.StudyInstanceUID, found.FrameOfReferenceUID) == ("1.2.3.7", "1.2.3.4.5")
        assert found.SeriesInstanceUID != "1.2.3.8"
        assert not found.PatientSex
        assert_valid(scene.out / f"m.cam.{kind}.dcm")
    assert "names the patient" in caplog.text
    for text in ("Teshigawara", "勅使河原", "4711", "77319", "1957", "1.2.3"):
        assert text not in caplog.text


@pytest.mark.parametrize("name", ["Segmentation", "ParametricMap"])
def test_a_header_that_no_object_can_be_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The sentence says so without the library's words, which quote values."""

    def refuse(**given: Any) -> None:
        raise ValueError("Teshigawara is no valid name")

    monkeypatch.setattr(dicom_objects, name, refuse)
    with pytest.raises(InputError) as caught:
        exported(series(tmp_path), tmp_path)
    assert "no DICOM object can be made of the header of its series (ValueError), for m, cam" in (
        str(caught.value)
    )
    assert "Teshigawara" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_series_without_frame_of_reference(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no FrameOfReferenceUID"):
        exported(series(tmp_path, FrameOfReferenceUID=None), tmp_path)


def test_instances_without_uid(tmp_path: Path) -> None:
    folder = series(tmp_path)
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = ""
        dataset.save_as(path)
    with pytest.raises(InputError, match="have no SOPInstanceUID"):
        exported(folder, tmp_path)


def test_sources_that_changed_since(tmp_path: Path) -> None:
    folder = series(tmp_path)
    scene = exported(folder, tmp_path)
    path = next(folder.iterdir())
    dataset = pydicom.dcmread(path)
    dataset.SOPInstanceUID = "1.2.3.9.99"
    write(dataset, path)
    with pytest.raises(InputError, match="1 of the 6 slices that the CT was made of are not in"):
        again(folder, tmp_path)
    assert scene.conversion["source"] == "dicom"


def again(folder: Path, tmp_path: Path) -> None:
    """Export what was converted before, as it is recorded."""
    files = ModelFiles(tmp_path / "record.json", {"cam": tmp_path / "map.nii.gz"}, {}, [])
    export_case("a", folder, tmp_path / "a.json", {"m": files}, None, SETTINGS, tmp_path / "new")


def names(scene: Scene) -> set[str]:
    return {path.name for path in scene.out.iterdir()}


def test_an_empty_region_is_no_object(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = exported(
        series(tmp_path), tmp_path, values=lambda ras: -np.ones(ras.shape[:-1], np.float32)
    )
    assert names(scene) == {"m.cam.pm.dcm"}
    assert "m, cam: the attended region is empty" in caplog.text
    assert_valid(scene.out / "m.cam.pm.dcm")


def test_a_map_with_nan_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(ras: np.ndarray) -> np.ndarray:
        values = height(ras)
        values[0, 0] = np.nan
        return values

    scene = exported(series(tmp_path), tmp_path, values=broken)
    assert names(scene) == set()
    assert "m, cam: the map holds NaN; nothing written." in caplog.text


def test_ties_are_in_the_region_whatever_their_share(tmp_path: Path) -> None:
    top = {**SETTINGS, "binarisation": {"rule": "top", "percent": 1.0, "part": "absolute"}}
    scene = exported(
        series(tmp_path), tmp_path, settings=top,
        values=lambda ras: np.full(ras.shape[:-1], -3, np.float32),
    )  # fmt: skip
    assert_as_the_map(scene, "seg", scene.expected == -3)


def test_the_negative_part(tmp_path: Path) -> None:
    settings = {**SETTINGS, "binarisation": {**HALF, "part": "negative"}}
    scene = exported(series(tmp_path), tmp_path, settings=settings, values=lambda r: -height(r))
    seen = scene.expected != UNSEEN
    low = scene.expected[seen].min()
    assert_as_the_map(scene, "seg", seen & (scene.expected <= low / 2))
    window = scene.read("pm").SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    assert float(window.WindowCenter) == pytest.approx(low / 2, rel=1e-6)


def test_a_region_as_large_as_the_reference(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    area = {**SETTINGS, "binarisation": {"rule": "area", "part": "positive"}}
    folder = series(tmp_path)
    scene = exported(folder, tmp_path, settings=area)
    assert names(scene) == {"m.cam.pm.dcm"}
    assert "as large as the reference union, which this case does not have" in caplog.text
    mask = np.zeros(scene.ct.data.shape, np.uint8)
    mask[2:4, 2:4, 1:4] = 1
    mask[0] = 1  # outside of what the model saw
    for name in ("anna", "votes", "staple"):
        save(tmp_path / "marks" / f"{name}.nii.gz", mask, scene.ct.grid.affine, np.uint8,
             "raters=1")  # fmt: skip
    scene = exported(folder, tmp_path / "b", settings=area, annotations=tmp_path / "marks")
    assert int(scene.read("seg").pixel_array.sum()) == 12
    unknown = {**area, "reference": "bert"}
    scene = exported(folder, tmp_path / "c", settings=unknown, annotations=tmp_path / "marks")
    assert names(scene) == {"m.cam.pm.dcm"}


def test_long_names_are_cut_off_in_descriptions(tmp_path: Path) -> None:
    model = "a_model_with_a_very_long_name_that_goes_on_and_on_and_on"
    scene = exported(series(tmp_path), tmp_path, model=model)
    found = pydicom.dcmread(scene.out / f"{model}.cam.seg.dcm")
    assert len(found.SeriesDescription) == 64
    assert found.SeriesDescription.startswith("rightreason attended region, a_model_with_a")
    assert model in found.SegmentSequence[0].SegmentDescription
    assert_valid(scene.out / f"{model}.cam.seg.dcm")
