"""The cohort without the cases that failed, and a table that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rightreason import made
from rightreason.cohort import Cases
from rightreason.failures import Failure, failure_of
from rightreason.layout import Layout
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole

COLUMNS = ("case", "stage", "left_out_of", "reason")
ALL, OVERLAP = "all", "overlap"
"""What a failed case is left out of: one without annotations or scores is classified all the
same."""


@dataclass(frozen=True)
class Usable:
    """What is left of a cohort.

    Attributes
    ----------
    cases : mapping of case to mapping
        Those that networks saw.
    raters : mapping of case to sequence of str
        Who annotated each of them that was scored.
    failed : sequence of (Failure, str)
        The others, and what they are left out of.
    """

    cases: Cases
    raters: Mapping[str, Sequence[str]]
    failed: Sequence[tuple[Failure, str]]


def usable_cohort(
    cases: Cases, raters: Mapping[str, Sequence[str]], kinds: Sequence[str], layout: Layout
) -> Usable:
    """Take out the cases in whose place `failures.bury` left a record.

    Parameters
    ----------
    cases, raters : mapping
        Of the whole study.
    kinds : sequence of str
        The kinds of input that models use.
    layout : Layout
        Of the study.

    Raises
    ------
    InputError
        When a file of the others is not as it was made.
    """
    unseen = {case: failure_of(layout.prepared_record(kinds[0], case)) for case in cases}
    seen = {case: about for case, about in cases.items() if not unseen[case]}
    unscored = {case: failure_of(layout.scores(case)[0]) for case in raters if case in seen}
    scored = {case: raters[case] for case, failure in unscored.items() if not failure}
    made.check(layout.of_cohort(seen, scored, kinds))
    failed = [(failure, ALL) for failure in unseen.values() if failure]
    failed += [(failure, OVERLAP) for failure in unscored.values() if failure]
    return Usable(seen, scored, failed)


def write_failed(failed: Sequence[tuple[Failure, str]], out: Path) -> None:
    """Write a row per failed case, by its id; only the head where none failed."""
    rows = [{**asdict(failure), "left_out_of": of} for failure, of in failed]
    write_whole(out, to_tsv(COLUMNS, sorted(rows, key=lambda row: row["case"])))
