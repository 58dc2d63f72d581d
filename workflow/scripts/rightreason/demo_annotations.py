"""The raters' files of the embedded cohort, one format each: RTSTRUCT, NIfTI, DICOM SEG, NRRD."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rightreason import images
from rightreason.demo_canvas import Mask
from rightreason.demo_dicom import CHARACTER_SETS, DATE, TIME, Geometry, uid
from rightreason.demo_plan import ROI, PlannedAnnotation, PlannedCase
from rightreason.demo_rtstruct import MANUFACTURER, write_rtstruct


def write_annotation(
    path: Path,
    annotation: PlannedAnnotation,
    mask: Mask,
    body: Mask,
    case: PlannedCase,
    source: Sequence[Any],
    geometry: Geometry,
    seed: int,
) -> None:
    """Write one rater's mask in the rater's format.

    Parameters
    ----------
    path : path
        Where to write.
    annotation : PlannedAnnotation
        Whose it is; decides the format.
    mask, body : (X, Y, Z) mask
        The rater's mask and the whole body (a second ROI of the RTSTRUCT); columns first, slices
        from the lowest up.
    case : PlannedCase
        Of which patient.
    source : sequence of pydicom.Dataset
        The CT slices from the lowest up.
    geometry : Geometry
        Where the masks lie.
    seed : int
        The cohort's seed, of which the UIDs are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    form = annotation.rater.format
    if form == "nifti":
        images.save(path, mask, geometry.affine, np.uint8)
    elif form == "nrrd":
        _write_nrrd(path, mask, geometry)
    elif form == "seg":
        _write_seg(path, mask, case, source, seed)
    else:
        write_rtstruct(path, {ROI: mask, "body": body}, case, source, geometry, seed)


def _write_seg(path: Path, mask: Mask, case: PlannedCase, source: Sequence[Any], seed: int) -> None:
    """Write a binary segmentation; frames without the finding are left out."""
    import highdicom as hd

    # highdicom knows the first character set by its explicit name only.
    for ds in source:
        ds.SpecificCharacterSet = ["ISO 2022 IR 6", *CHARACTER_SETS[1:]]
    from pydicom.sr.codedict import codes

    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label=ROI,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    made: Any = hd.seg.Segmentation(
        source_images=list(source),
        pixel_array=mask.transpose(2, 1, 0),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment],
        series_instance_uid=uid(seed, case.case, "seg series"),
        series_number=30,
        sop_instance_uid=uid(seed, case.case, "seg"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MANUFACTURER,
        software_versions="1",
        device_serial_number="1",
        content_label="FINDINGS",
    )
    for ds in (made, *source):
        ds.SpecificCharacterSet = list(CHARACTER_SETS)
    _pin(made, uid(seed, case.case, "seg dimensions"))
    made.save_as(path, enforce_file_format=True)


def _pin(ds: Any, dimensions: str) -> None:
    """Replace what highdicom draws or takes from the clock."""
    ds.ContentDate = ds.SeriesDate = ds.InstanceCreationDate = DATE
    ds.ContentTime = ds.SeriesTime = ds.InstanceCreationTime = TIME
    for item in (*ds.DimensionOrganizationSequence, *ds.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    for item in ds.ContributingEquipmentSequence:
        item.ContributionDateTime = DATE + TIME


def _write_nrrd(path: Path, mask: Mask, geometry: Geometry) -> None:
    """Write a segmentation as 3D Slicer does: label 1, named in the header."""
    import SimpleITK as sitk

    image: Any = sitk.GetImageFromArray(mask.transpose(2, 1, 0).astype(np.uint8))
    image.SetSpacing((*geometry.pixel_mm, geometry.slice_mm))
    image.SetOrigin(geometry.origin)
    x, y, z = (int(n) - 1 for n in mask.shape)
    about = {"ID": "Segment_1", "Name": ROI, "LabelValue": "1", "Layer": "0",
             "Extent": f"0 {x} 0 {y} 0 {z}", "Color": "0.9 0.5 0.1"}  # fmt: skip
    for key, value in about.items():
        image.SetMetaData(f"Segment0_{key}", value)
    sitk.WriteImage(image, str(path), useCompression=True)
