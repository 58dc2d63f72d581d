"""Who lends maps to whom stays as it is when the cohort grows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rightreason.donor_choice import Donors

Member = tuple[str, str, str]


def cohort(n: int) -> list[Member]:
    return [(f"c{i}", f"p{i // 2}", "drowning" if i % 3 else "other") for i in range(n)]


def chosen(members: list[Member], count: int = 5) -> dict[str, list[str]]:
    donors = Donors.of(members)
    return {case: donors.choose(case, patient, label, count) for case, patient, label in members}


@given(st.integers(0, 60), st.integers(0, 8))
@settings(deadline=None, derandomize=True)
def test_donors_are_other_patients_of_the_same_label(n: int, count: int) -> None:
    members = cohort(n)
    about = {case: (patient, label) for case, patient, label in members}
    for case, donors in chosen(members, count).items():
        patients = [about[donor][0] for donor in donors]
        others = {p for p, label in about.values() if label == about[case][1]} - {about[case][0]}
        assert len(donors) == min(count, len(others))
        assert len(set(patients)) == len(patients)
        assert set(patients) <= others
        assert {about[donor][1] for donor in donors} <= {about[case][1]}


@given(st.permutations(range(24)))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_the_order_of_the_table_does_not_matter(order: list[int]) -> None:
    members = cohort(24)
    assert chosen([members[i] for i in order]) == chosen(members)


def test_a_new_training_case_takes_one_place_of_few_lists() -> None:
    members = cohort(300)
    before, after = chosen(members), chosen([*members, ("new", "new patient", "drowning")])
    changed = {case for case in before if before[case] != after[case]}
    assert all(len(set(before[case]) - set(after[case])) == 1 for case in changed)
    assert all(set(after[case]) - set(before[case]) == {"new"} for case in changed)
    # Of 200 drowning cases, those between the new one's fifth predecessor and itself.
    assert 0 < len(changed) < 40


def test_a_case_that_is_no_donor_chooses_and_changes_nothing() -> None:
    donors = Donors.of(cohort(40))
    found = donors.choose("external", "somebody", "drowning", 5)
    assert len(set(found)) == 5
    assert donors.choose("external", "somebody", "unheard of", 5) == []
