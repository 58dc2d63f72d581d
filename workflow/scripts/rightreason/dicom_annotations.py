"""Reading DICOM annotations: files without preamble, and which image items refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rightreason.errors import InputError
from rightreason.unpacking import check_dicom

# The first element of a file without preamble: group 2 (file meta) or 8 (identification).
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")


def looks_like_dicom(start: bytes) -> bool:
    """Say whether a file that starts so may be DICOM, with the preamble or without it."""
    return start[128:132] == b"DICM" or start[:2] in _FIRST_GROUPS


def sop_class(path: Path) -> str:
    """Return what kind of DICOM object a file holds (its SOPClassUID); empty for none."""
    import pydicom

    with path.open("rb") as file:
        check_dicom(file, path.name)
    try:
        dataset = pydicom.dcmread(path, force=True, specific_tags=["SOPClassUID"])
        meta = dataset.file_meta.get("MediaStorageSOPClassUID", "")
        return str(dataset.get("SOPClassUID") or meta)
    except Exception as error:
        raise InputError(
            f"{path.name} cannot be read as DICOM ({type(error).__name__})."
        ) from error


def read_dataset(path: Path) -> Any:
    """Read a DICOM file that may lack the preamble and the file meta information."""
    import pydicom

    dataset: Any = pydicom.dcmread(path, force=True)
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = (
            "1.2.840.10008.1.2" if implicit
            else "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
        )  # fmt: skip
    return dataset


def items(source: Any, *sequences: str) -> Iterator[Any]:
    """Walk down nested sequences by keyword, any of which may be missing."""
    if not sequences:
        yield source
        return
    for item in source.get(sequences[0]) or []:
        yield from items(item, *sequences[1:])


def uids(found: Iterable[Any], keyword: str) -> list[str]:
    """Return a UID of each item, without the empty ones."""
    return [str(item.get(keyword)) for item in found if item.get(keyword)]
