"""What the header of a NIfTI file claims, held against the file before memory is taken for it."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import IO, Any

import nibabel as nib
from nibabel.openers import ImageOpener

from rightreason.errors import InputError
from rightreason.unpacking import MOST_BYTES, MOST_SHRUNK, MOST_TOLD, DamagedError, fits_gzip

# The header's extensions are read whole. Known ones hold text, of some kilobytes.
MOST_EXTENSION_BYTES = 16 << 20
# What stands behind the last voxel is never read; writers pad to whole blocks.
_MOST_PADDING = 1 << 20
_HEADER, _DATA = 348, 352


def check_claims(path: Path | str) -> Any:
    """Read the header alone, and hold what it claims against what there is.

    Returns
    -------
    nibabel.Nifti1Image
        Of which no voxel is read yet.

    Raises
    ------
    InputError
        When the header cannot be read, or claims more than the file holds, more than the 2 GB of
        the largest CT, or extensions of more than 16 MB.
    """
    path = Path(path)
    try:
        with ImageOpener(path) as file:
            _check_extensions(path, file)
        image: Any = nib.Nifti1Image.from_filename(path)
        claimed = math.prod(image.shape) * image.get_data_dtype().itemsize
        offset = int(image.dataobj.offset)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read as a NIfTI image: {error}") from error
    there = path.stat().st_size * (MOST_SHRUNK if is_packed(path) else 1)
    if min(image.shape) < 1 or claimed > MOST_BYTES or offset + claimed > there:
        shape = " x ".join(str(size) for size in image.shape)
        raise InputError(
            f"{path} claims {shape} voxels ({claimed / 1024**2:.0f} MB), which the file does not "
            f"hold, or which is more than the {MOST_TOLD} of the largest CT. Save it again."
        )
    return image


def check_packed(path: Path, image: Any) -> None:
    """Unpack to the end, where the checksum is; nibabel stops at the last voxel, before it.

    Raises
    ------
    InputError
        When the file is damaged, or goes on after what its header, read as `image`, claims.
    """
    if not is_packed(path):
        return
    claimed = math.prod(image.shape) * image.get_data_dtype().itemsize + int(image.dataobj.offset)
    try:
        with path.open("rb") as file:
            fits = fits_gzip(file, claimed + _MOST_PADDING)
    except (OSError, DamagedError) as error:
        raise InputError(
            f"{path} cannot be read as a NIfTI image: what is unpacked is not what was "
            "packed. Copy it again."
        ) from error
    if not fits:
        raise InputError(
            f"{path} unpacks to more than the {claimed} bytes that its header claims; "
            "it is not read further. Save it again."
        )


def is_packed(path: Path) -> bool:
    """Say whether nibabel will unpack a file: it goes by the name."""
    return path.suffix.lower() == ".gz"


def _check_extensions(path: Path, file: IO[bytes]) -> None:
    """Walk over the extensions: nibabel reads each whole, of whatever size it claims to be."""
    header = nib.Nifti1Header(file.read(_HEADER), check=False)
    left = int(header.get_data_offset()) - _DATA
    fits = left <= MOST_EXTENSION_BYTES
    if file.read(_DATA - _HEADER)[:1].strip(b"\0"):
        # Below zero, nibabel would read on to the end of the file.
        fits = 0 <= left <= MOST_EXTENSION_BYTES
        while fits and left >= 16:
            (size,) = struct.unpack(f"{header.endianness}i", file.read(8)[:4])
            fits = 8 <= size <= left
            if fits:
                file.seek(size - 8, 1)
                left -= size
    if not fits:
        raise InputError(
            f"{path} claims header extensions that it does not hold, or that are larger than "
            f"{MOST_EXTENSION_BYTES >> 20} MB. Save it again."
        )
