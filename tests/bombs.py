"""Files of a few megabytes that stand for gigabytes, made without unpacking them."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset

from tests.dicom_files import ct_slice, write

MB, GB = 1 << 20, 1 << 30
DEFLATED = "1.2.840.10008.1.2.1.99"


def deflated(head: bytes, zeros: int) -> bytes:
    """Deflate `head` and then at least `zeros` bytes of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers back, so that the same block may come again and again.
    block = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return packed + block * -(-zeros // MB) + packer.flush()


def gzipped(head: bytes, zeros: int) -> bytes:
    """Do the same as a gzip file; its checksum, which comes last, is wrong."""
    return gzip.compress(b"")[:10] + deflated(head, zeros) + bytes(8)


def nifti_header(offset: int = 352, **changes: Any) -> bytes:
    """Return the header of a NIfTI file of 4 x 4 x 4 voxels of int16."""
    header = nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)).header
    header["vox_offset"] = offset
    for name, value in changes.items():
        header[name] = value
    return bytes(header.binaryblock)


def long_extension(size: int) -> bytes:
    """Return a NIfTI header and the head of an extension that claims `size` bytes."""
    return nifti_header(352 + size) + b"\1\0\0\0" + struct.pack("<ii", size, 6)


def nrrd_header(sizes: str, encoding: str = "gzip", extra: str = "") -> bytes:
    """Return the header of an NRRD file of bytes."""
    return (
        f"NRRD0004\ntype: unsigned char\ndimension: 3\nsizes: {sizes}\nencoding: {encoding}\n"
        "space: left-posterior-superior\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
        f"space origin: (0,0,0)\nkinds: domain domain domain\nendian: little\n{extra}\n"
    ).encode()


def deflated_dicom(path: Path, zeros: int, **changes: Any) -> Path:
    """Write a CT slice, deflated, whose pixels go on for `zeros` bytes."""
    dataset: Dataset = ct_slice(0, **changes)
    dataset.file_meta.TransferSyntaxUID = DEFLATED
    pixels = bytes(dataset.PixelData)
    del dataset.PixelData
    content = write(dataset, path).read_bytes()
    (meta,) = struct.unpack_from("<L", content, 140)
    body = zlib.decompress(content[144 + meta :], -zlib.MAX_WBITS)
    element = struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OW", 0, len(pixels) + zeros) + pixels
    path.write_bytes(content[: 144 + meta] + deflated(body + element, zeros))
    return path


def repacked(path: Path) -> Path:
    """Pack a file of weights, which torch.save never does."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def resized(codestream: bytes, rows: int, columns: int) -> bytes:
    """Change the size that a JPEG-LS codestream says it has."""
    at = codestream.index(b"\xff\xf7") + 5
    return codestream[:at] + struct.pack(">HH", rows, columns) + codestream[at + 4 :]
