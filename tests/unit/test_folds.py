from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from rightreason.folds import Member, assign_folds, split


def members(positives: int, negatives: int) -> list[Member]:
    return [Member(f"c{i}", f"p{i}", i < positives) for i in range(positives + negatives)]


@given(st.integers(2, 20), st.integers(2, 20), st.integers(2, 5), st.integers(0, 99))
def test_folds_are_balanced_within_one_patient(
    positives: int, negatives: int, folds: int, seed: int
) -> None:
    cohort = members(positives, negatives)
    assigned = assign_folds(cohort, folds, seed)
    sizes = Counter(assigned.values())
    assert max(sizes.values()) - min(sizes[k] for k in range(folds)) <= 1
    per_class = Counter(assigned[m.case] for m in cohort if m.positive)
    assert max(per_class[k] for k in range(folds)) - min(per_class[k] for k in range(folds)) <= 1


def test_a_patient_is_never_divided() -> None:
    cohort = [Member(f"c{i}", f"p{i // 3}", i % 2 == 0) for i in range(30)]
    assigned = assign_folds(cohort, 3, seed=0)
    patients = {f"p{p}": {assigned[f"c{i}"] for i in range(3 * p, 3 * p + 3)} for p in range(10)}
    assert all(len(folds) == 1 for folds in patients.values())
    parts = split(cohort, assigned, fold=1, fraction=0.3, seed=0)
    for p in range(10):
        assert len({parts.get(f"c{i}") for i in range(3 * p, 3 * p + 3)}) == 1


def test_the_test_fold_is_left_out_and_both_classes_are_validated() -> None:
    cohort = members(12, 12)
    assigned = assign_folds(cohort, 3, seed=4)
    parts = split(cohort, assigned, fold=2, fraction=0.2, seed=4)
    assert set(parts) == {m.case for m in cohort if assigned[m.case] != 2}
    validation = [m for m in cohort if parts.get(m.case) == "validation"]
    assert Counter(m.positive for m in validation) == {True: 2, False: 2}


def test_the_seed_decides() -> None:
    cohort = members(12, 12)
    assert assign_folds(cohort, 3, 0) == assign_folds(cohort[::-1], 3, 0)
    assert assign_folds(cohort, 3, 0) != assign_folds(cohort, 3, 1)
