"""Small scenes with random or given maps and masks, for the tests of the measures."""

from __future__ import annotations

import numpy as np
from rightreason.distances import SeenGeometry
from rightreason.references import CodedImage, References, encode, staples_without
from rightreason.scene import Scene
from rightreason.staple import staple


def coded(masks: dict[str, np.ndarray]) -> CodedImage:
    """Code masks with the STAPLE consensus of all, and of all but each."""
    cubes = {name: np.atleast_3d(mask).astype(bool) for name, mask in masks.items()}
    return encode(cubes, {"": staple(cubes).mask, **staples_without(cubes)})


def scene(
    masks: dict[str, np.ndarray],
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    tolerance_mm: float = 0.0,
    region: np.ndarray | None = None,
) -> Scene:
    """Make a scene in which everything is seen."""
    image = coded(masks)
    codes = image.codes.ravel()
    at = np.flatnonzero(codes)
    references = References(image.patterns, codes.size, at, codes[at].astype(np.int64))
    x, y, z = (np.arange(n) * step for n, step in zip(image.codes.shape, spacing, strict=True))
    inside = None if region is None else np.atleast_3d(region).astype(bool).ravel()
    return Scene(references, SeenGeometry((x, y, z), 2), tolerance_mm, inside)


def position(of: Scene, name: str, left_out: str = "") -> int:
    """Return where a reference stands."""
    return next(
        i for i, key in enumerate(of.references.patterns.keys)
        if (key.name, key.left_out) == (name, left_out)
    )  # fmt: skip
