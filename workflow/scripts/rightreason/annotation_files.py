"""Annotation files of every format, told apart by what they hold, not by their names."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rightreason.ct_record import CtRecord
from rightreason.dicom_annotations import looks_like_dicom, sop_class
from rightreason.dicom_segmentation import read_segmentation
from rightreason.dicom_texts import discreet
from rightreason.errors import InputError
from rightreason.images import Volume
from rightreason.label_images import read_nifti, read_nrrd
from rightreason.lidc_xml import read_lidc
from rightreason.rtstruct import read_rtstruct

FORMATS = "NIfTI, NRRD (.seg.nrrd too), DICOM SEG, DICOM RTSTRUCT, LIDC XML"
_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
_XML = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\0", b"\xfe\xff\0<")


@discreet()
def read_annotation(
    path: Path, rater: str, roi: str | None, ct: CtRecord, settings: Mapping[str, Any]
) -> Volume:
    """Read one annotation as a mask on a grid of its own.

    Parameters
    ----------
    path : path
        The file.
    rater : str
        The rater's id; LIDC XML holds several raters, and its trailing number names one.
    roi : str or None
        Name or number of the ROI, segment, label or nodule to take; None takes all.
    ct : CtRecord
        The case's CT: contours are filled on its pixels, and DICOM files are held against it.
    settings : mapping
        `fractional_threshold` (from which fraction on a fractional SEG marks), `max_volume_change`.

    Returns
    -------
    Volume
        Boolean data; the grid is the file's, not the CT's.

    Raises
    ------
    InputError
        When the file is missing, of another format, damaged, has no usable geometry, belongs to
        another study, or has no such ROI.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; one annotation file was expected.")
    start = _start(path)
    most = float(settings["max_volume_change"])
    if start[:4] == b"NRRD":
        return read_nrrd(path, roi)
    if start[344:347] in (b"n+1", b"ni1") or start[4:7] == b"n+2":
        return read_nifti(path, roi)
    if start.lstrip().startswith(_XML):
        return read_lidc(path, rater, roi, ct, most)
    if looks_like_dicom(start):
        kind = sop_class(path)
        if kind in _SEGMENTATIONS:
            return read_segmentation(path, roi, ct, float(settings["fractional_threshold"]), most)
        if kind == _RTSTRUCT:
            return read_rtstruct(path, roi, ct)
    raise InputError(f"{path.name} is of a format that is not supported. Supported are {FORMATS}.")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        start = file.read(512)
    if start[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as file:
                return file.read(512)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path.name} is damaged: it cannot be unpacked ({error}).") from error
    return start
