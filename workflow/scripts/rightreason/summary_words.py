"""What the tables of `summary` say in words: messages the report can translate."""

from __future__ import annotations

from rightreason.marked_words import mark

UNDEFINED_EVERYWHERE = mark("Undefined in every case.")
ONE_PATIENT = mark("From one patient: no interval.")
STANDS_OUT = mark(
    "Rater {rater} stands out: the Dice coefficient of a pair with {rater} is on average "
    "{difference} lower than that of a pair without."
)
NO_PAIR = mark("No case has both values.")
ONE_PATIENT_NO_P = mark("From one patient: no interval, no p.")
SMALLEST_P = mark("With {n} patients no p below {p} is possible.")
NO_ERRORS = mark("Undefined: {wrong} wrong and {right} right cases.")
FEW_ERRORS = mark(
    "Too few to say: {wrong} wrong and {right} right cases, where {fewest} of each are asked for."
)
ALL_ALIKE_ONE = mark("Undefined: 1 patient, and the values of a column are all the same.")
ALL_ALIKE = mark("Undefined: {n} patients, and the values of a column are all the same.")
FEW_PATIENTS_ONE = mark("Too few to say: 1 patient, where {fewest} are asked for.")
FEW_PATIENTS = mark("Too few to say: {n} patients, where {fewest} are asked for.")

NOTES = (
    UNDEFINED_EVERYWHERE, ONE_PATIENT, STANDS_OUT, NO_PAIR, ONE_PATIENT_NO_P, SMALLEST_P, NO_ERRORS,
    FEW_ERRORS, ALL_ALIKE_ONE, ALL_ALIKE, FEW_PATIENTS_ONE, FEW_PATIENTS,
)  # fmt: skip
"""The column `note` of `agreement.tsv` and `comparisons.tsv`."""

NO_CHANCE = mark(
    "There is no chance distribution; only a region without overlap could have been told."
)
NEVER_RELEVANT = mark("No region of this size could have been called relevant.")
ONLY_WITHOUT_OVERLAP = mark("Only a region without any overlap could have been called irrelevant.")
NEVER_IRRELEVANT = mark("No region of this size could have been called irrelevant.")
POWER = (NO_CHANCE, NEVER_RELEVANT, ONLY_WITHOUT_OVERLAP, NEVER_IRRELEVANT)
"""The column `power` of `verdict.tsv`, one sentence or two."""

NO_REASON = mark("no reason given")
WITH_COUNT = mark("{reason} ({n})")
"""The column `undefined` of `overlap.tsv`, one or several of them."""
