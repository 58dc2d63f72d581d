"""One model's rows of a long table as arrays of cases by rows of the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.audited import Audited, Mask
from rightreason.statistics import Means, bootstrap_means, sum_by_patient

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Where the rows of one model stand in arrays of shape (cases, keys).

    Attributes
    ----------
    table : data frame
        All rows, of every model.
    keys : data frame
        What names each column of the arrays: texts, in the order of the table's categories.
    rows : array of int
        The model's rows of `table`.
    at : array of int
        Their places in the flattened arrays.
    shape : pair of int
        Cases and keys.
    """

    table: pd.DataFrame
    keys: pd.DataFrame
    rows: NDArray[np.intp]
    at: NDArray[np.int64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, table: pd.DataFrame, audited: Audited, model: str, names: Sequence[str]) -> Cells:
        """Arrange one model's rows.

        Parameters
        ----------
        table : data frame
            With the categories `case`, `model` and `names`; at most one row of each.
        audited : Audited
            The cases, in whose order the arrays are.
        model : str
            Whose rows.
        names : sequence of str
            The columns that name a row beside its case.
        """
        rows = np.flatnonzero((table["model"] == model).to_numpy())
        sizes = [max(len(table[name].cat.categories), 1) for name in names]
        flat = np.zeros(len(rows), dtype=np.int64)
        for name, size in zip(names, sizes, strict=True):
            flat = flat * size + table[name].cat.codes.to_numpy()[rows]
        there = np.flatnonzero(np.bincount(flat, minlength=1))
        number = np.zeros(int(np.prod(sizes)), dtype=np.int64)
        number[there] = np.arange(len(there))
        there = there if len(rows) else there[:0]
        digits = np.unravel_index(there, sizes)
        keys = pd.DataFrame({
            name: table[name].cat.categories.to_numpy(dtype=object)[digit] if len(there) else []
            for name, digit in zip(names, digits, strict=True)
        })  # fmt: skip
        position = {case: i for i, case in enumerate(audited.cases)}
        case_at = np.array([position[c] for c in table["case"].cat.categories], dtype=np.int64)
        shape = (len(audited.cases), len(there))
        cases = case_at[table["case"].cat.codes.to_numpy()[rows]] if len(rows) else flat
        return cls(table, keys, rows, cases * shape[1] + number[flat], shape)

    def arrange(self, column: str) -> Floats:
        """Return a column of numbers as (cases, keys), NaN where the table has no row."""
        return self.fill(self.table[column].to_numpy()[self.rows], np.nan, np.float64)

    def there(self) -> Mask:
        """Return where the table has a row at all."""
        return self.fill(True, False, np.bool_)

    def fill(self, values: Any, empty: Any, kind: type) -> NDArray[Any]:
        """Put a value per row of the model into an array of `empty`."""
        found: NDArray[Any] = np.full(self.shape, empty, dtype=kind)
        found.reshape(-1)[self.at] = values
        return found


def mean_of(values: Floats, defined: Mask) -> Floats:
    """Average each column where `defined` and not NaN; NaN where that is nowhere."""
    counted = defined & np.isfinite(values)
    number = counted.sum(0)
    total = np.where(counted, values, 0.0).sum(0)
    found: Floats = np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
    return found


def means_over_patients(
    values: Floats, patients: NDArray[np.int64], settings: Mapping[str, Any]
) -> Means:
    """Return each column's mean with its interval; any numbers may name the patients."""
    numbered = np.unique(patients, return_inverse=True)[1]
    return bootstrap_means(
        values, numbered, settings["bootstrap"], settings["confidence"], settings["seed"]
    )


def count_patients(defined: Mask, patients: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the patients of the defined cases of each column."""
    if not len(patients):
        return np.zeros(defined.shape[1], dtype=np.int64)
    numbered = np.unique(patients, return_inverse=True)[1]
    counted: NDArray[np.int64] = (sum_by_patient(defined.astype(float), numbered) > 0).sum(0)
    return counted
