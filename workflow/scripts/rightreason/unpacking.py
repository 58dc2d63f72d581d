"""How much a file from outside may unpack to, asked before memory is taken for it.

A few megabytes of gzip or deflate can stand for gigabytes. Everything that is unpacked here is
thrown away as it comes, so that asking takes no memory.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import IO, Any

from rightreason.errors import InputError

# No CT is larger: 1000 slices of 1024 x 1024. What claims more is damaged, and would fill memory.
MOST_BYTES = 2 * 1024**3
MOST_TOLD = f"{MOST_BYTES / 1024**3:g} GB"
# The most that gzip can shrink anything (1032), rounded up.
MOST_SHRUNK = 1040
# The names and shapes of a million tensors; networks have a few thousand.
MOST_HEADER = 100 * 1000**2
_CHUNK = 1 << 20
_DEFLATED = "1.2.840.10008.1.2.1.99"


class DamagedError(Exception):
    """What is unpacked is not what was packed."""


def fits_gzip(file: IO[bytes], most: int) -> bool:
    """Say whether what is packed from here on has at most `most` bytes; stop as soon as it has not.

    Read to the end, where the checksum is, which other readers do not reach.

    Raises
    ------
    DamagedError
        When it cannot be unpacked.
    """
    left = most
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            while chunk := packed.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    return False
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedError(str(error)) from error
    return True


def fits_deflate(file: IO[bytes], most: int) -> bool:
    """Say the same of a bare deflate stream, without header or checksum.

    Raises
    ------
    DamagedError
        When it cannot be unpacked.
    """
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    left = most
    try:
        while not unpacker.eof:
            packed = unpacker.unconsumed_tail or file.read(_CHUNK)
            if not packed:
                break
            left -= len(unpacker.decompress(packed, _CHUNK))
            if left < 0:
                return False
    except zlib.error as error:
        raise DamagedError(str(error)) from error
    return True


def check_dicom(file: IO[bytes], name: str) -> None:
    """Refuse a deflated DICOM file that unpacks to more than the largest CT.

    pydicom inflates such a file whole, even to read one element of it. Any other file passes, what
    is no DICOM too; the file is left at its start.

    Parameters
    ----------
    file : binary file
        At its start.
    name : str
        The file's name, for the message.

    Raises
    ------
    InputError
        When it is deflated and too large.
    """
    from pydicom import filereader

    try:
        filereader.read_preamble(file, True)
        # Private, and the very function by which pydicom goes on to decide what to inflate.
        meta: Any = filereader._read_file_meta_info(file)
        if meta.get("TransferSyntaxUID") == _DEFLATED and not fits_deflate(file, MOST_BYTES):
            raise InputError(
                f"{name} is deflated and unpacks to more than the {MOST_TOLD} of the largest CT; "
                "it is not read. Export it again, uncompressed."
            )
    except InputError:
        raise
    except Exception:
        return  # Damage is said, with the reason, by whoever reads the file.
    finally:
        file.seek(0)


def check_safetensors(path: Path | str) -> None:
    """Refuse a file of the format safetensors whose header claims to be longer than the file.

    The eight bytes before it say how long it is. What it says of tensors its reader checks: they
    cover the rest of the file once, without gap or overlap, so nothing can be larger than the file.

    Raises
    ------
    InputError
        When it is longer than the file, or than `MOST_HEADER`.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        claimed = int.from_bytes(file.read(8), "little")
    if claimed > min(size - 8, MOST_HEADER):
        raise InputError(
            f"{path} cannot be read as a file of weights: its header claims {claimed} bytes, of "
            f"{max(0, size - 8)} after its first 8 and of {MOST_HEADER} that are read at most. It "
            "is damaged or no safetensors file."
        )


def check_archive(path: Path | str) -> None:
    """Refuse a zip archive (a file of weights is one) whose members are larger than itself.

    `torch.save` packs nothing, and torch unpacks what is packed, whatever its size.

    Raises
    ------
    InputError
        When it is larger unpacked than on disk.
    """
    import zipfile

    size = Path(path).stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # Not an archive: torch's older format, which holds what it says, or damage.
    if unpacked > size:
        raise InputError(
            f"{path} cannot be read as a file of weights: it has {size / 1024**2:.1f} MB and "
            f"unpacks to {unpacked / 1024**2:.1f} MB, and torch.save packs nothing. Save it again."
        )
