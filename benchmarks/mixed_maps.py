"""Maps that mix the finding and the shortcut of a case of the embedded cohort, for `power`.

A case is painted, marked by the cohort's four raters and prepared as the input `slices`, with the
settings of config/config.yaml. A map has, as a CAM has, a grid of cells over each seen slice:

- a cell of the finding's part is how much finding lies in it and its neighbours (the weights by
  which `prepare` shrinks an image: a triangle two cells wide), times exp(N(0, `texture`));
- so is a cell of the shortcut's part;
- both are interpolated linearly to the input's pixels, and by `placement.place` onto the CT;
- each is normalised to mass 1 over the seen voxels, so that the *mix* is the shortcut's share of
  their mass; a half-normal noise of the cells gets `background` of the whole map's mass.

Every map's noise has a seed made of its case, mix and copy.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rightreason.config_audit import Overlap
from rightreason.config_sections import Demo, Prepare
from rightreason.demo import geometry_of, paint_case
from rightreason.demo_plan import RATERS, PlannedCase
from rightreason.demo_raters import rate
from rightreason.distances import SeenGeometry
from rightreason.images import Volume, save
from rightreason.inputs import InputRecord
from rightreason.layout import INPUT_KINDS
from rightreason.placement import SeenRegion, place
from rightreason.prepare import prepare_case, resize_weights
from rightreason.references import Patterns, References, encode
from rightreason.scene import Scene
from rightreason.staple import staple

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

REFERENCE = "union"
DEMO: dict[str, Any] = Demo().model_dump()
TOLERANCE_MM = Overlap().tolerance_mm


@dataclass(frozen=True)
class Cam:
    """How coarse and how noisy the maps are.

    Attributes
    ----------
    cells : int
        Along each side of a slice.
    texture : float
        Standard deviation of the logarithm of a cell's noise.
    background : float
        Share of the map's mass that is noise all over what was seen.
    """

    cells: int
    texture: float
    background: float

    @property
    def name(self) -> str:
        """Return a heading."""
        return (f"{self.cells} x {self.cells} cells a slice, texture {self.texture:g}, "
                f"background {self.background:.0%}")  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """One case: what is there and what the raters say of it, where the model saw.

    Attributes
    ----------
    scene : Scene
        One reference, `REFERENCE`, and the votes.
    record : InputRecord
        Of the prepared image.
    finding, shortcut : (x, y, slices) array
        In the crop box, the seen slices only, 0 or 1; x to the left, y to the back.
    """

    scene: Scene
    record: InputRecord
    finding: Mask
    shortcut: Mask

    @classmethod
    def of(cls, case: PlannedCase) -> Truth:
        """Paint, mark and prepare one case."""
        picture, geometry = paint_case(case, DEMO), geometry_of(case, DEMO)
        # The arrays run as a prepared image does: left, back, head.
        x, y = geometry.pixel_mm
        affine = np.diag([-x, -y, geometry.slice_mm, 1.0])
        record = _prepared(case.case, picture.hu, picture.lungs, affine)
        masks = {
            rater.name: rate(rater.name, picture.finding, picture.lungs, picture.dense, x)
            for rater in RATERS
        }
        # Without a rater left out: nothing here is compared with people.
        coded = encode(masks, {"": staple(masks).mask, **masks}, record.ct_grid)
        seen = SeenRegion.of(record)
        references = _only(REFERENCE, coded.within(seen))
        scene = Scene(references, SeenGeometry.of(record), TOLERANCE_MM, None)
        return cls(scene, record, seen.take(picture.finding), seen.take(picture.shortcut))

    def maps(self, cam: Cam, case: str, mix: float, copy: int) -> NDArray[np.float32]:
        """Draw a map on the seen voxels; `mix` is the shortcut's share of the mass."""
        rng = np.random.default_rng([crc32(case.encode()), round(1000 * mix), copy])
        shape = cam.cells, cam.cells, self.finding.shape[2]
        found, wrong = (
            self._placed(_cells(part, cam) * np.exp(cam.texture * rng.normal(size=shape)))
            for part in (self.finding, self.shortcut)
        )
        noise = self._placed(np.abs(rng.normal(size=shape)))
        mixed = (1 - mix) * found + mix * wrong
        drawn: NDArray[np.float32] = ((1 - cam.background) * mixed + cam.background * noise).astype(
            np.float32
        )
        return drawn

    def _placed(self, cells: Floats) -> Floats:
        """Interpolate cells onto the seen voxels, with mass 1."""
        x, y, _ = self.record.shape
        image = np.zeros(self.record.shape, np.float32)
        fine = np.einsum("xi,yj,ijk->xyk", resize_weights(cells.shape[0], x),
                         resize_weights(cells.shape[1], y), cells, optimize=True)  # fmt: skip
        image[:, :, self.record.slices] = fine
        placed = place(Volume(image, self.record.grid), self.record).astype(np.float64)
        normed: Floats = placed / placed.sum()
        return normed


def _only(name: str, references: References) -> References:
    """Keep one reference of all raters; what it scores does not depend on the others."""
    whole = references.patterns.of_all_raters()
    at = [key.name for key in whole.keys].index(name)
    one = Patterns(whole.raters, (whole.keys[at],), whole.members[:, [at]], whole.marked, ("",))
    return replace(references, patterns=one)


def _prepared(case: str, hu: NDArray[np.int16], lungs: Mask, affine: Floats) -> InputRecord:
    """Let the stage `prepare` crop one case and choose its slices."""
    settings = Prepare().model_dump()
    with tempfile.TemporaryDirectory(prefix="rightreason-power-") as name:
        ct, region = Path(name, "ct.nii.gz"), Path(name, "region.nii.gz")
        save(ct, hu, affine, np.int16)
        save(region, lungs, affine, np.uint8)
        images = {kind: Path(name, f"{kind}.nii.gz") for kind in INPUT_KINDS}
        records = {kind: Path(name, f"{kind}.json") for kind in INPUT_KINDS}
        prepare_case(case, ct, region, images, records, settings)
        return InputRecord.read(records["slices"])


def _cells(part: Mask, cam: Cam) -> Floats:
    """Return how much of a mask lies in and around each cell."""
    x, y = (resize_weights(n, cam.cells) for n in part.shape[:2])
    amount: Floats = np.einsum("ix,jy,xyk->ijk", x, y, part.astype(np.float64), optimize=True)
    return amount
