"""Annotation files of every format, told apart by what they hold, not by their names."""

from __future__ import annotations

import gzip
import warnings
import zlib
from pathlib import Path

from rightreason.dicom_segmentation import read_segmentation
from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.label_images import read_nifti, read_nrrd
from rightreason.rtstruct import read_rtstruct

FORMATS = "NIfTI, NRRD (.seg.nrrd too), DICOM SEG, DICOM RTSTRUCT"
_SEG = "1.2.840.10008.5.1.4.1.1.66."
_RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"


def read_annotation(path: Path, roi: str | None, ct: Grid, frame: str | None) -> Volume:
    """Read one annotation as a mask on a grid of its own.

    Parameters
    ----------
    path : path
        The file.
    roi : str or None
        Name or number of the ROI, segment or label to take; None takes all.
    ct : Grid
        Grid of the case's CT; contours are filled on its pixels.
    frame : str or None
        Digest of the CT's FrameOfReferenceUID; None where it is not known.

    Returns
    -------
    Volume
        Boolean data; the grid is the file's, not the CT's.

    Raises
    ------
    InputError
        When the file is missing, of another format, damaged, has no usable geometry, belongs to
        another frame of reference, or has no such ROI.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; one annotation file was expected.")
    start = _start(path)
    if start[:4] == b"NRRD":
        return read_nrrd(path, roi)
    if start[344:347] in (b"n+1", b"ni1") or start[4:7] == b"n+2":
        return read_nifti(path, roi)
    if start[128:132] == b"DICM":
        sop_class = _sop_class(path)
        if sop_class.startswith(_SEG):
            return read_segmentation(path, roi, frame)
        if sop_class == _RTSTRUCT:
            return read_rtstruct(path, roi, ct, frame)
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


def _sop_class(path: Path) -> str:
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            meta = pydicom.filereader.read_file_meta_info(path)
            return str(meta.get("MediaStorageSOPClassUID", ""))
    except Exception as error:
        raise InputError(f"{path.name} cannot be read as DICOM ({error}).") from error
