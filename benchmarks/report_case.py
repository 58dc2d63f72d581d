"""The case whose view is measured: a CT of 512 x 512 x 28, real where it can be had, with maps."""

from __future__ import annotations

# A job's process imports this module too: what only the case's making needs is imported there.
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
SHAPE = (512, 512, 28)
KINDS = ("slices", "subset", "volume")
METHODS = ("gradcam", "integrated_gradients")
PREPARE = {
    "window": (-1000, 400),
    "margin_mm": 40,
    "slices": {"size": 224, "count": 28},
    "subset": {"size": 224, "count": 28},
    "volume": {"size": (128, 128, 64)},
}


def real_ct() -> NDArray[np.int16] | None:
    """Read the chest CT of the real cases, if it is there, and mirror it to the size."""
    import pydicom

    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "real-ct"
    folder = Path(os.environ.get("RIGHTREASON_REAL_CT", cache))
    unpack = ROOT.parent / "shared" / "data" / "unpack"
    if not folder.is_dir() and unpack.is_file():
        subprocess.run([str(unpack), str(folder)], check=True, capture_output=True)
    files = sorted((folder / "lidc" / "dicom").glob("*"))
    if not files:
        return None
    slices = [pydicom.dcmread(file) for file in files]
    slices.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    hu = np.stack(
        [s.pixel_array.T * int(s.RescaleSlope) + int(s.RescaleIntercept) for s in slices], axis=-1
    ).astype(np.int16)
    return np.concatenate([hu, hu[..., ::-1]], axis=-1)[..., : SHAPE[2]]


def made_up_ct() -> NDArray[np.int16]:
    """Draw a chest with the noise of a thin slice: for machines without the real one."""
    from scipy import ndimage

    x, y = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE[:2]), indexing="ij")
    plane = np.where((x / 0.9) ** 2 + (y / 0.65) ** 2 < 1, 40.0, -1000.0)
    for side in (-0.4, 0.4):
        plane[((x - side) / 0.3) ** 2 + (y / 0.45) ** 2 < 1] = -850
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=SHAPE), (0.6, 0.6, 0))
    return (plane[..., None] + noise / noise.std() * 25).round().astype(np.int16)


def lungs(hu: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Mark air that does not touch the border of its slice, the largest part of it."""
    from scipy import ndimage

    labels, _ = ndimage.label(hu < -400)
    rim = np.unique(np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()]))
    sizes = np.bincount(labels.ravel())
    sizes[rim] = 0
    return np.isin(labels, np.argsort(sizes)[-2:])


def saliency(rng: np.random.Generator, kind: str, method: str, shape: tuple[int, ...],
             image: NDArray[Any]) -> NDArray[np.float32]:  # fmt: skip
    """Draw a map: smooth cells of the last layer, or grain that follows the image."""
    from scipy import ndimage

    if method == "gradcam":
        cells = {"slices": (13, 13, 28), "subset": (14, 14, 1), "volume": (8, 8, 4)}[kind]
        coarse = ndimage.gaussian_filter(rng.normal(size=cells), (0.7, 0.7, 0))
        zoom = [n / m for n, m in zip(shape, cells, strict=True)]
        return np.asarray(ndimage.zoom(coarse, zoom, order=1), dtype=np.float32)
    grain = ndimage.gaussian_filter(rng.normal(size=shape), (1, 1, 0)) * image
    where = np.exp(40 * ndimage.gaussian_filter(rng.normal(size=shape), (8, 8, 1)))
    return np.asarray(grain * where, dtype=np.float32)


def write_case(folder: Path, crop: str, hu: NDArray[np.int16]) -> None:
    """Write what a `make_view` job reads."""
    from rightreason.images import load, save
    from rightreason.inputs import InputRecord
    from rightreason.prepare import prepare_case
    from rightreason.staple import staple

    from benchmarks.overlap import findings

    rng, affine = np.random.default_rng(0), np.diag([-0.7, -0.7, 10.0, 1.0])
    save(folder / "ct.nii.gz", hu, affine, np.int16)
    region = folder / "lungs.nii.gz" if crop == "lungs" else None
    if region:
        save(region, lungs(hu), affine, np.uint8)
    images = {kind: folder / f"{kind}.nii.gz" for kind in KINDS}
    records = {kind: folder / f"{kind}.json" for kind in KINDS}
    settings = {**PREPARE, "crop": "none" if crop == "all" else "body"}
    prepare_case("c", folder / "ct.nii.gz", region, images, records, settings)
    for kind in KINDS:
        grid, image = InputRecord.read(records[kind]).grid, load(images[kind]).data / 255
        for method in METHODS:
            values = saliency(rng, kind, method, grid.shape, image)
            save(folder / f"{kind}.{method}.nii.gz", values, grid.affine, np.float32)
    marks = findings(rng)
    for rater, mask in marks.items():
        save(folder / "marks" / f"{rater}.nii.gz", mask, affine, np.uint8)
    votes = sum(mask.astype(np.uint8) for mask in marks.values())
    save(folder / "marks" / "votes.nii.gz", votes, affine, np.uint8, "raters=4")
    save(folder / "marks" / "staple.nii.gz", staple(marks).mask, affine, np.uint8)
