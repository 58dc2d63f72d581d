"""Other cases' maps placed here: what the usual place of such maps scores by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.errors import InputError
from rightreason.images import Volume
from rightreason.inputs import InputRecord
from rightreason.placement import place


def transplant(
    donor_map: NDArray[Any], donor: InputRecord, here: InputRecord
) -> NDArray[np.float32]:
    """Place a donor's map on what the same model saw of this case: crop box to crop box.

    The one exception to the rule that images meet in patient space only: the question is where in
    its box a map lies, not where in the donor. Prepared images of one model are all oriented LPS+
    and of one size in plane. Of `slices` and `subset`, each seen slice here takes the donor's seen
    slice at the nearest relative height.

    Parameters
    ----------
    donor_map : (X, Y, Z) array
        On the grid of the donor's prepared image.
    donor, here : InputRecord
        Of both prepared images.

    Returns
    -------
    array of float32
        On the seen region here, as `placement.place` gives a case's own map.

    Raises
    ------
    InputError
        When the two were not prepared for the same model.
    """
    if donor.kind != here.kind:
        raise InputError(
            f"A map of the input `{donor.kind}` cannot stand in for `{here.kind}`: a donor's map "
            "is of the same model. Remove results/saliency and run again."
        )
    if donor.shape[:2] != here.shape[:2] or donor_map.shape != donor.shape:
        raise InputError(
            f"A donor's map of {donor_map.shape} voxels does not fit its image of {donor.shape} or "
            f"one of {here.shape}: one model's images are of one size. Remove results/prepare and "
            "run again."
        )
    placed = np.zeros(here.shape, dtype=np.float32)
    theirs, ours = (np.unique(record.slices) for record in (donor, here))
    heights = (theirs + 0.5) / donor.shape[2]
    for k in ours:
        nearest = theirs[np.argmin(np.abs(heights - (k + 0.5) / here.shape[2]))]
        placed[:, :, k] = donor_map[:, :, nearest]
    return place(Volume(placed, here.grid), here)
