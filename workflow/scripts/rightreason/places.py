"""Where the irrelevant part of an attended region lies: in or outside body and `region`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rightreason.body import body_of
from rightreason.images import Volume, check_same_grid
from rightreason.inputs import InputRecord
from rightreason.placement import SeenRegion

Mask = NDArray[np.bool_]

OUTSIDE_BODY, IN_BODY, IN_REGION = 0, 1, 2
WITHOUT_REGION = ("outside_body", "unmarked_in_body")
WITH_REGION = ("outside_body", "body_outside_region", "unmarked_in_region")


@dataclass(frozen=True)
class Places:
    """The place of each seen voxel.

    Attributes
    ----------
    names : tuple of str
        Of the places, by code: columns of `places.tsv`.
    codes : (N,) array of int8
        Of the seen voxels, flattened.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int8]

    @classmethod
    def of(cls, ct_volume: Volume, record: InputRecord, region: Mask | None) -> Places:
        """Find the place of each voxel that entered a model.

        Parameters
        ----------
        ct_volume : Volume
            The CT in HU.
        record : InputRecord
            What the model saw of it.
        region : (X, Y, Z) array of bool, or None
            The case's region on the CT grid; what it marks is in it even outside the body.

        Raises
        ------
        InputError
            When the CT is not on the grid of the prepared image.
        """
        check_same_grid(ct_volume.grid, record.ct_grid, "The CT", "its prepared image")
        seen = SeenRegion.of(record)
        axis = record.ct_slice_axis
        # Whether air is inside the body shows only in whole slices.
        slices = np.take(ct_volume.data, seen.axes[axis], axis=axis)
        body = body_of(slices, axis, ct_volume.grid.spacing_mm)
        in_plane = list(seen.axes)
        in_plane[axis] = np.arange(len(seen.axes[axis]))
        codes = np.where(body[np.ix_(*in_plane)], IN_BODY, OUTSIDE_BODY).astype(np.int8)
        if region is None:
            return cls(WITHOUT_REGION, codes.ravel())
        codes[seen.take(region)] = IN_REGION
        return cls(WITH_REGION, codes.ravel())
