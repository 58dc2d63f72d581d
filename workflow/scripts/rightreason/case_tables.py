"""The per-case tables of `overlap` as frames of the whole cohort.

Each file is read once and reduced at once to codes and plain numbers: a row of the largest frame
costs 65 bytes: 3,000 rows of each of 15,000 cases 2.9 GB, of each of 313 cases 61 MB. Only
`value` is kept in double precision: the other numbers are only ever averaged, and written with six
digits. All frames have the texts as categories; a reference's categories stand in the order in
which it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rightreason.cohort import KEYS, read_table
from rightreason.consensus import CONSENSUS

ROW_KEYS = [*KEYS, "measure"]
"""What names a row beside its case and model."""

COMPANIONS = [
    *("perfect", "chance", "gain", "shifted", "shifted_gain", "shuffled", "shuffled_gain"),
    *("region_chance", "region_gain", "fair", "ceiling"),
]
"""Numbers that stand beside `value` in every row."""

LIMITS = ["shifted_low", "shifted_high", "shifted_percentile"]
COUNTS = ["seen_voxels", "important_voxels", "attended_voxels", "overlap_voxels"]
PLACES = ["outside_body", "body_outside_region", "unmarked_in_region", "unmarked_in_body"]
HEADLINE_MEASURE = "irrelevant_ratio"
VOTES = "votes"
AT_ONCE = 128
"""Tables that are joined to one stretch while more are read."""

Keep = Callable[[pd.DataFrame], "pd.Series[bool]"]


def read_scores(
    paths: Sequence[Path], headline: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read `{case}.tsv` of each case.

    Returns
    -------
    scores : data frame
        Every row: `case`, `model`, `ROW_KEYS`, `undefined`, `value`, `COMPANIONS`.
    judged : data frame
        The headline's irrelevant ratio, a row per case and model, in double precision: the columns
        of `scores` and also `LIMITS`, `COUNTS` and `voxel_mm3`.
    """
    texts = ["case", "model", *ROW_KEYS, "undefined"]
    more = [*LIMITS, *COUNTS, "voxel_mm3"]
    scores = Stack(texts, ["value", *COMPANIONS])
    judged = Stack(texts, ["value", *COMPANIONS, *more], precise=True)
    chosen = headline_rows(headline)
    for path in paths:
        table = read_table(path, texts, ["value", *COMPANIONS, *more])
        scores.add(table)
        judged.add(table[chosen(table)])
    return scores.frame(), judged.frame()


def read_measures(
    paths: Sequence[Path], headline: Mapping[str, str], rules: Mapping[str, str]
) -> pd.DataFrame:
    """Read single measures in `{case}.tsv` of each case, by the headline's method and reference.

    Parameters
    ----------
    paths : sequence of path
        Of the cases.
    headline : mapping
        `method` and `reference`.
    rules : mapping of measure to str
        The binarisation, or the part of the map, under which each measure stands.

    Returns
    -------
    data frame
        `case`, `model`, `ROW_KEYS`, `value`.
    """

    def chosen(table: pd.DataFrame) -> pd.Series[bool]:
        found: pd.Series[bool] = table["binarisation"] == table["measure"].map(rules)
        for key in ("method", "reference"):
            found &= table[key] == headline[key]
        return found

    return _read(paths, ["case", "model", *ROW_KEYS], ["value"], chosen)


def read_raters(paths: Sequence[Path], headline: Mapping[str, str]) -> pd.DataFrame:
    """Read what `{case}.raters.tsv` say of the headline's ratio with one rater left out.

    Only the models' rows of the headline: these tables are the largest, and nothing else of them
    is needed. Columns: `case`, `model`, `left_out`, `ROW_KEYS`, `value`, `attended_voxels`.
    """
    texts = ["case", "model", "left_out", *ROW_KEYS]
    return _read(paths, texts, ["value", "attended_voxels"], headline_rows(headline))


def read_pairs(paths: Sequence[Path], headline: Mapping[str, str]) -> pd.DataFrame:
    """Read the headline's ratio in `{case}.pairs.tsv`: two models on the voxels that both saw.

    Columns: `case`, `model`, `against`, `ROW_KEYS`, `value`, `against_value`, `common_voxels`.
    """
    texts = ["case", "model", "against", *ROW_KEYS]
    numbers = ["value", "against_value", "common_voxels"]
    return _read(paths, texts, numbers, headline_rows(headline), precise=True)


def read_places(paths: Sequence[Path]) -> pd.DataFrame:
    """Read `{case}.places.tsv` of each case: where the irrelevant part lies, in voxels.

    Columns: `case`, `model`, `KEYS`, `irrelevant_voxels`, `PLACES`.
    """
    return _read(paths, ["case", "model", *KEYS], ["irrelevant_voxels", *PLACES])


def read_seeds(paths: Sequence[Path]) -> pd.DataFrame:
    """Read `{case}.seeds.tsv` of each case; no rows when each network was trained once.

    Columns: `case`, `model`, `seed` (text), `ROW_KEYS`, `value`.
    """
    return _read(paths, ["case", "model", "seed", *ROW_KEYS], ["value"])


def read_patterns(paths: Sequence[Path]) -> pd.DataFrame:
    """Read `{case}.agreement.tsv` of each case: `case`, `within`, `marked_by`, `voxels`."""
    return _read(paths, ["case", "within", "marked_by"], ["voxels"], precise=True)


def read_staple(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Read what `annotate` says of each rater of each case, by the case's folder.

    Columns: `case`, `rater`, `sensitivity` and `specificity` against STAPLE's consensus.
    """
    numbers = {"staple_sensitivity": "sensitivity", "staple_specificity": "specificity"}
    parts = [
        read_table(folder / "raters.tsv", ["rater"], [*numbers]).assign(case=case)
        for case, folder in folders.items()
    ]
    columns = ["case", "rater", *numbers]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table[columns].rename(columns=numbers)


def headline_rows(headline: Mapping[str, str]) -> Keep:
    """Return what tells the rows of the headline's irrelevant ratio in a table."""

    def chosen(table: pd.DataFrame) -> pd.Series[bool]:
        found = (table["measure"] == HEADLINE_MEASURE) & (table["model"] != "")
        for key in KEYS:
            found &= table[key] == headline[key]
        return found

    return chosen


def in_order(references: Sequence[str]) -> list[str]:
    """Order references: raters by name, then the consensus rules, then the votes."""
    made = [*CONSENSUS, VOTES]
    return sorted(set(references) - set(made)) + [name for name in made if name in references]


def _read(
    paths: Sequence[Path], texts: Sequence[str], numbers: Sequence[str],
    keep: Keep | None = None, precise: bool = False,
) -> pd.DataFrame:  # fmt: skip
    stack = Stack(texts, numbers, precise)
    for path in paths:
        table = read_table(path, texts, numbers)
        stack.add(table if keep is None else table[keep(table)])
    return stack.frame()


class Stack:
    """Tables of one layout, one below the other, in little memory.

    Parameters
    ----------
    texts : sequence of str
        Columns that become categories of one vocabulary, in order of appearance.
    numbers : sequence of str
        Columns of numbers: single precision, but for `value`.
    precise : bool
        Whether all numbers are kept in double precision.
    """

    def __init__(self, texts: Sequence[str], numbers: Sequence[str], precise: bool = False) -> None:
        self._added = 0
        self._words: dict[str, dict[str, int]] = {name: {} for name in texts}
        self._kinds = {
            name: np.dtype(np.float64 if precise or name == "value" else np.float32)
            for name in numbers
        }
        self._parts: dict[str, list[np.ndarray]] = {name: [] for name in [*texts, *numbers]}

    def add(self, table: pd.DataFrame) -> None:
        """Append a table as `cohort.read_table` gives it."""
        for name, words in self._words.items():
            codes, found = pd.factorize(table[name])
            numbers = [words.setdefault(word, len(words)) for word in found]
            small = np.int16 if len(words) < 2**15 else np.int32
            self._parts[name].append(np.array(numbers, dtype=small)[codes])
        for name, kind in self._kinds.items():
            self._parts[name].append(table[name].to_numpy().astype(kind))
        self._added += 1
        if self._added % AT_ONCE == 0:
            # Many small arrays would leave holes in memory as large as the frame itself.
            for parts in self._parts.values():
                parts[-AT_ONCE:] = [np.concatenate(parts[-AT_ONCE:])]

    def frame(self) -> pd.DataFrame:
        """Return all rows; the stack is empty thereafter, so that nothing is held twice."""
        columns: dict[str, object] = {}
        for name, words in self._words.items():
            codes = self._joined(name, np.dtype(np.int16))
            column = pd.Categorical.from_codes(codes, list(words))
            if name == "reference":
                column = column.reorder_categories(in_order(list(words)))
            columns[name] = column
        for name, kind in self._kinds.items():
            columns[name] = self._joined(name, kind)
        return pd.DataFrame(columns, copy=False)

    def _joined(self, name: str, kind: np.dtype) -> np.ndarray:
        parts = self._parts.pop(name)
        return np.concatenate(parts) if parts else np.empty(0, kind)
