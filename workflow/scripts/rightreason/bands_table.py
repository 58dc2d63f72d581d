"""`bands.tsv`: the headline's threshold curves with their intervals, and those of chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.audited import Audited
from rightreason.cells import mean_of, means_over_patients
from rightreason.curves_table import CURVES
from rightreason.performance import POOLED

BANDS_COLUMNS = ["sites", "model", "method", "part", "measure", "fraction", "n_cases", "mean"]
BANDS_COLUMNS += ["low", "high", "chance"]

Floats = NDArray[np.float64]


def bands_table(
    paths: Mapping[str, Path], judged: pd.DataFrame, audited: Audited,
    headline: Mapping[str, str], settings: Mapping[str, Any],
) -> pd.DataFrame:  # fmt: skip
    """Average the cases' threshold curves against the headline's reference, in its subset.

    `curves.tsv` has the same means against every reference, without intervals, which of all its
    rows would cost as long as the rest of `summary`.

    Parameters
    ----------
    paths : mapping of case to path
        `{case}.curves.npz` of each audited case.
    judged : data frame
        From `case_tables.read_scores`: `case`, `model`, `seen_voxels`, `important_voxels`.
    audited : Audited
        The cases.
    headline : mapping
        `reference` and `subset`.
    settings : mapping
        `bootstrap`, `confidence`, `seed`.

    Returns
    -------
    data frame of `BANDS_COLUMNS`
        A row per pool of sites, map, measure of `curves_table.CURVES` and attended fraction.
        `chance` is the mean, over the same cases, of what a map gives that is the same everywhere.
    """
    if not audited.cases:
        return pd.DataFrame(columns=BANDS_COLUMNS)
    maps, fractions, values = _read(paths, audited, headline["reference"])
    parts = [
        part
        for number, name in enumerate(maps)
        for part in _of_map(name, values[:, number], fractions, judged, audited, headline, settings)
    ]
    if not parts:
        return pd.DataFrame(columns=BANDS_COLUMNS)
    return pd.concat(parts, ignore_index=True)[BANDS_COLUMNS]


def _read(
    paths: Mapping[str, Path], audited: Audited, reference: str
) -> tuple[list[str], Floats, NDArray[np.float32]]:
    """Return the maps' names, the fractions and values (cases, maps, curves, fractions).

    A case without the reference (a rater who did not look at it) is NaN.
    """
    maps: list[str] = []
    stack: list[NDArray[np.float32]] = []
    for case in audited.cases:
        with np.load(paths[case]) as arrays:
            maps = [str(name) for name in arrays["maps"]]
            fractions = arrays["fractions"]
            names = [str(name) for name in arrays["references"]]
            every = np.stack([arrays[name] for name in CURVES], axis=2)
        found = np.full((len(maps), len(CURVES), len(fractions)), np.nan, dtype=np.float32)
        stack.append(every[:, names.index(reference)] if reference in names else found)
    return maps, fractions, np.stack(stack)


def _of_map(
    name: str, values: NDArray[np.float32], fractions: Floats, judged: pd.DataFrame,
    audited: Audited, headline: Mapping[str, str], settings: Mapping[str, Any],
) -> Iterator[pd.DataFrame]:  # fmt: skip
    """Yield the rows of a map of each pool of sites, from values (cases, curves, fractions)."""
    model, method, part = name.split("/")
    columns = values.reshape(len(values), -1).astype(np.float64)
    chance = _chance(judged, model, audited, fractions).reshape(columns.shape)
    subset = audited.subset(model, headline["subset"])
    for sites in POOLED:
        if sites not in audited.groups:
            continue
        members = audited.groups[sites]
        # All patients are drawn, whatever the subset, as for `overlap.tsv`.
        inside = np.where(subset[:, None], columns, np.nan)[members]
        defined = np.isfinite(inside)
        if defined.any():
            means = means_over_patients(inside, audited.patients[members], settings)
            yield pd.DataFrame({
                "sites": sites, "model": model, "method": method, "part": part,
                "measure": np.repeat(CURVES, len(fractions)),
                "fraction": np.tile(fractions, len(CURVES)), "n_cases": defined.sum(0),
                "mean": means.mean, "low": means.low, "high": means.high,
                "chance": mean_of(chance[members], defined),
            })  # fmt: skip


def _chance(judged: pd.DataFrame, model: str, audited: Audited, fractions: Floats) -> Floats:
    """Return what a constant map gives of each case, (cases, curves, fractions).

    Of what it attends to, a share as large as that of the reference in the seen region is in it.
    """
    here = judged[judged["model"] == model].astype({"case": str}).set_index("case")
    here = here.reindex(audited.cases)
    share = (here["important_voxels"] / here["seen_voxels"]).to_numpy(dtype=np.float64)[:, None]
    ratio, coverage = np.broadcast_arrays(1 - share, fractions)
    return np.stack([ratio, coverage, 2 * share * fractions / (share + fractions)], axis=1)
