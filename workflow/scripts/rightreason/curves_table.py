"""`curves.tsv`: irrelevant ratio, coverage and Dice at every attended fraction, over the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.audited import SUBSETS, Audited
from rightreason.errors import InputError

CURVES = ("irrelevant_ratio", "coverage", "dice")
CURVES_COLUMNS = ["sites", "model", "method", "part", "reference", "subset", "fraction"]
CURVES_COLUMNS += ["n_cases", "irrelevant_ratio", "n_coverage", "coverage", "dice"]

Arrays = Mapping[str, NDArray[np.generic]]


def curves_table(
    paths: Mapping[str, Path], references: Sequence[str], audited: Audited
) -> pd.DataFrame:
    """Average the cases' threshold curves.

    The curves are added up a case at a time: memory does not grow with the cohort.

    Parameters
    ----------
    paths : mapping of case to path
        `{case}.curves.npz` of each audited case.
    references : sequence of str
        All references of the cohort, in the order of the table.
    audited : Audited
        The cases.

    Returns
    -------
    data frame of `CURVES_COLUMNS`
        `n_cases` have an irrelevant ratio, and with it a Dice; `n_coverage` of them a coverage,
        which nothing marked leaves undefined. A curve of no case has no rows.

    Raises
    ------
    InputError
        When the cases' files are about different maps.
    """
    sums: _Sums | None = None
    for i, case in enumerate(audited.cases):
        with np.load(paths[case]) as arrays:
            maps = [str(name) for name in arrays["maps"]]
            if sums is None:
                sums = _Sums(maps, references, arrays["fractions"], audited)
            if maps != sums.maps:
                raise InputError(
                    f"{paths[case]} is about other maps than the files of the cases before it; "
                    "remove the curves in results/overlap and run again."
                )
            sums.add(i, arrays)
    return pd.DataFrame(columns=CURVES_COLUMNS) if sums is None else sums.table()


class _Sums:
    """Sums and counts of shape (groups, subsets, maps, references, curves, fractions)."""

    def __init__(
        self, maps: list[str], references: Sequence[str], fractions: NDArray[np.float64],
        audited: Audited,
    ) -> None:  # fmt: skip
        self.maps, self._references, self._fractions = maps, list(references), fractions
        self._audited = audited
        self._models = [name.split("/")[0] for name in maps]
        shape = (len(audited.groups), len(SUBSETS), len(maps), len(references))
        self._sums = np.zeros((*shape, len(CURVES), len(fractions)))
        self._counts = np.zeros(self._sums.shape, dtype=np.int32)

    def add(self, i: int, arrays: Arrays) -> None:
        """Add one case's curves to its groups and subsets."""
        at = [self._references.index(str(name)) for name in arrays["references"]]
        values = np.stack([arrays[name] for name in CURVES], axis=2).astype(np.float64)
        defined = np.isfinite(values)
        values = np.where(defined, values, 0.0)
        for g, members in enumerate(self._audited.groups.values()):
            for s, subset in enumerate(SUBSETS if members[i] else ()):
                chosen = [m for m, model in enumerate(self._models)
                          if self._audited.subset(model, subset)[i]]  # fmt: skip
                self._sums[g, s][np.ix_(chosen, at)] += values[chosen]
                self._counts[g, s][np.ix_(chosen, at)] += defined[chosen]

    def table(self) -> pd.DataFrame:
        """Return the means as rows."""
        ratio, coverage, dice = (
            np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
            for total, count in zip(
                np.moveaxis(self._sums, 4, 0), np.moveaxis(self._counts, 4, 0), strict=True
            )
        )
        counts = self._counts[..., 0, :]
        at = np.nonzero(np.broadcast_to(counts.any(axis=-1, keepdims=True), counts.shape))
        names = np.array([name.split("/") for name in self.maps], dtype=object).reshape(-1, 3)
        model, method, part = names[at[2]].T
        return pd.DataFrame({
            "sites": np.array(list(self._audited.groups), dtype=object)[at[0]],
            "model": model, "method": method, "part": part,
            "reference": np.array(self._references, dtype=object)[at[3]],
            "subset": np.array(SUBSETS, dtype=object)[at[1]],
            "fraction": self._fractions[at[4]],
            "n_cases": counts[at], "irrelevant_ratio": ratio[at],
            "n_coverage": self._counts[..., 1, :][at], "coverage": coverage[at],
            "dice": dice[at],
        })[CURVES_COLUMNS]  # fmt: skip
