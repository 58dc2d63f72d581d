"""What size a compressed image says it has: asked before a decoder takes memory for it.

Decoders go by the codestream, not by the DICOM header: they end the whole process over some sizes,
and take gigabytes for others.
"""

from __future__ import annotations

import struct
from typing import Any

from rightreason.errors import InputError
from rightreason.unpacking import MOST_BYTES, MOST_TOLD

_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
# Markers that start a frame: of JPEG (without its tables, C4, C8 and CC) and of JPEG-LS.
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA


def stated_size(codestream: bytes) -> tuple[int, int] | None:
    """Return rows and columns as the header of a codestream has them.

    Parameters
    ----------
    codestream : bytes
        One frame of JPEG, JPEG-LS or JPEG 2000.

    Returns
    -------
    (int, int) or None
        None where it is of another kind, or says nothing.
    """
    try:
        if codestream[:4] == _JPEG_2000:
            right, bottom, left, top = struct.unpack_from(">4I", codestream, 8)
            return bottom - top, right - left
        return _jpeg_size(codestream) if codestream[:2] == _JPEG else None
    except (struct.error, IndexError):
        return None


def check_frames(dataset: Any, name: str) -> None:
    """Hold the codestreams of a DICOM image against its header, and this against the largest CT.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With its pixels. Whatever else is wrong with it is left to who decodes it.
    name : str
        The file's name, for messages.

    Raises
    ------
    InputError
        When it has more than 2 GB of pixels of a byte, or a codestream has another size than the
        header says.
    """
    from pydicom.encaps import generate_frames

    try:
        rows, columns = int(dataset.Rows), int(dataset.Columns)
        frames = int(dataset.get("NumberOfFrames") or 1)
    except (AttributeError, TypeError, ValueError):
        return
    if rows * columns * frames > MOST_BYTES:
        raise InputError(
            f"{name} claims {frames} frames of {rows} x {columns} pixels; more than the "
            f"{MOST_TOLD} of the largest CT."
        )
    try:
        sizes = {
            stated_size(f) for f in generate_frames(dataset.PixelData, number_of_frames=frames)
        }
    except Exception:
        return  # Not compressed, or damaged.
    if sizes - {None, (rows, columns)}:
        raise InputError(
            f"{name} is damaged: its frames have {rows} x {columns} pixels by the header, and "
            "others by what is packed in them."
        )


def _jpeg_size(codestream: bytes) -> tuple[int, int] | None:
    at = 2
    while codestream[at] == 0xFF:
        marker = codestream[at + 1]
        if marker == 0xFF:  # Markers may be preceded by any number of these.
            at += 1
            continue
        if marker in _FRAMES:
            rows, columns = struct.unpack_from(">HH", codestream, at + 5)
            return rows, columns
        if marker == _SCAN:
            return None
        at += 2 + struct.unpack_from(">H", codestream, at + 2)[0]
    return None
