"""Which cases are looked at, and which jobs the tests of maps make."""

from pathlib import Path

import pytest
from rightreason.study import load_study
from rightreason.trusted import looked_at, trust_cases, trust_files, trust_settings, trust_tests

MODEL = {"m": {"input": "slices", "network": "ResNet10"}}


def study(**trust):
    return load_study({"models": MODEL, "external_sites": ["B"], "trust": trust})


def test_cases_are_chosen_by_their_ids_alone():
    cases = [f"case{i}" for i in range(50)]
    chosen = looked_at(cases, 8)
    assert len(chosen) == 8
    assert looked_at(reversed(cases), 8) == chosen
    # Without a case that was not chosen nothing changes; without one that was, one moves up.
    other = next(case for case in cases if case not in chosen)
    assert looked_at([case for case in cases if case != other], 8) == chosen
    less = looked_at([case for case in cases if case != chosen[0]], 8)
    assert len(set(less) & set(chosen)) == 7


def test_they_are_positive_cases_of_sites_that_are_trained_on():
    made = study(cases=5)
    chosen = trust_cases(made, "m")
    assert len(chosen) == 5
    assert chosen == {case: made.folds[case] for case in chosen}
    assert all(made.cases[case].label == "drowning" for case in chosen)
    assert all(made.cases[case].site == "A" for case in chosen)


def test_limits_are_no_part_of_a_job_that_runs_networks():
    assert trust_settings(study()) == trust_settings(study(limits={"batch": 1e-3}))
    assert trust_settings(study()) != trust_settings(study(noise=0.02))
    assert trust_settings(study())["tests"] == trust_tests(study(), afterwards=False)


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ([], []),
        (["empty"], ["saliency/shard0.tsv"]),
        (["findings"], ["trust/m.findings.tsv"]),
        (["batch"], [f"trust/m/{name}.tsv"
                     for name in ("gradcam", "hirescam", "integrated_gradients")]),
    ],
)  # fmt: skip
def test_only_tests_that_are_asked_for_make_jobs(tests, expected):
    methods = {name: {"algorithm": name}
               for name in ("gradcam", "hirescam", "integrated_gradients")}  # fmt: skip
    made = load_study(
        {"models": MODEL, "trust": {"tests": tests}, "saliency": {"methods": methods}}
    )
    assert trust_files(made) == [Path("results") / name for name in expected]
