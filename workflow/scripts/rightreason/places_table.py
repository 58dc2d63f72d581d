"""`places.tsv`: where the irrelevant part of the attended regions lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rightreason.audited import Audited
from rightreason.case_tables import PLACES
from rightreason.cells import Cells, Floats, means_over_patients
from rightreason.cohort import KEYS

PLACES_COLUMNS = ["sites", "model", *KEYS, "subset", "n_cases", "place", "share", "low", "high"]


def places_table(
    places: pd.DataFrame, audited: Audited, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Average over cases what share of the irrelevant part lies in each place.

    A case counts where it has an irrelevant part at all and the place is told apart in it: with a
    `region`, what lies in the body is divided into outside and inside the region; without, it is
    not. Places that no case tells apart have no rows.

    Parameters
    ----------
    places : data frame
        From `case_tables.read_places`.
    audited : Audited
        The cases.
    settings : mapping
        `bootstrap`, `confidence`, `seed`.

    Returns
    -------
    data frame of `PLACES_COLUMNS`
        By model, sites, subset and place, then in the order of the cases' tables.
    """
    told = [place for place in PLACES if places[place].notna().any()]
    parts = []
    for model in audited.right:
        cells = Cells.of(places, audited, model, KEYS)
        shares = {place: _share(cells, place) for place in told}
        for (sites, subset), chosen in audited.selections(model).items():
            members = audited.groups[sites]
            for place, share in shares.items():
                inside = np.where(chosen[:, None], share, np.nan)[members]
                means = means_over_patients(inside, audited.patients[members], settings)
                parts.append(cells.keys.assign(
                    sites=sites, model=model, subset=subset, place=place,
                    n_cases=np.isfinite(inside).sum(0), share=means.mean,
                    low=means.low, high=means.high,
                ))  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=PLACES_COLUMNS)
    return pd.concat(parts, ignore_index=True)[PLACES_COLUMNS]


def _share(cells: Cells, place: str) -> Floats:
    whole, part = cells.arrange("irrelevant_voxels"), cells.arrange(place)
    share: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return share
