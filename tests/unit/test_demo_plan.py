from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rightreason import demo_plan

SETTINGS = {
    "training_cases": 24, "external_cases": 8, "matrix": [128, 128, 32], "field_mm": 400,
    "slice_mm": 8.0, "shortcut": 1.0, "seed": 20240,
}  # fmt: skip


def of(**changes: object) -> list[demo_plan.PlannedCase]:
    return demo_plan.plan({**SETTINGS, **changes})


def test_the_plan_is_the_same_in_another_interpreter() -> None:
    folder = str(Path(demo_plan.__file__).parents[1])
    code = (
        f"import sys; sys.path.insert(0, {folder!r})\n"
        f"from rightreason import demo_plan\nprint(demo_plan.plan({SETTINGS!r}))\n"
        "assert 'numpy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(of())


def test_half_of_each_site_has_drowned() -> None:
    labels = Counter((c.site, c.label) for c in of())
    assert labels == {("A", "drowning"): 12, ("A", "other"): 12, ("B", "drowning"): 4,
                      ("B", "other"): 4}  # fmt: skip


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (1.0, {("A", "drowning"): 12, ("B", "other"): 4}),
        (0.0, {("A", "drowning"): 6, ("A", "other"): 6, ("B", "drowning"): 2, ("B", "other"): 2}),
        (0.5, {("A", "drowning"): 9, ("A", "other"): 3, ("B", "drowning"): 1, ("B", "other"): 3}),
    ],
)
def test_the_shortcut_goes_with_drowning_at_a_and_with_the_others_at_b(
    strength: float, expected: dict[tuple[str, str], int]
) -> None:
    assert Counter((c.site, c.label) for c in of(shortcut=strength) if c.shortcut) == expected


def test_the_shortcut_is_all_that_its_strength_changes() -> None:
    def rest(case: demo_plan.PlannedCase) -> tuple[object, ...]:
        return tuple(v for k, v in vars(case).items() if k != "shortcut")

    assert [rest(c) for c in of(shortcut=1.0)] == [rest(c) for c in of(shortcut=0.0)]


def test_look_alikes_occur_in_the_others() -> None:
    training = [c for c in of() if c.site == "A"]
    sunk = Counter(c.label for c in training if c.hypostasis)
    assert sunk == {"drowning": 8, "other": 8}
    assert Counter(c.label for c in training if c.haze) == {"other": 6}


def test_who_annotated_what_at_the_training_site() -> None:
    rows = Counter((c.label, len(c.annotations)) for c in of() if c.site == "A")
    assert rows == {("drowning", 4): 9, ("drowning", 3): 1, ("drowning", 0): 2, ("other", 4): 4,
                    ("other", 0): 8}  # fmt: skip
    for case in of():
        assert all(bool(a.file) == (case.label == "drowning") for a in case.annotations)


def test_each_rater_has_one_format() -> None:
    files = {a.rater.name: Path(a.file).name.split(".", 1)[1]
             for c in of() for a in c.annotations if a.file}  # fmt: skip
    assert files == {"generous": "dcm", "tight": "nii.gz", "hasty": "dcm", "drifting": "seg.nrrd"}
    assert len({rater.format for rater in demo_plan.RATERS}) == 4


def test_every_compression_is_used_even_in_a_small_cohort() -> None:
    small = of(training_cases=8, external_cases=4)
    assert Counter(c.compression for c in small) == {"": 9, "rle": 1, "jpegls": 1, "jpeg2000": 1}


def test_the_rows_of_the_tables() -> None:
    cases = of()
    first = demo_plan.case_rows(cases)[0]
    assert tuple(first) == demo_plan.CASE_COLUMNS
    assert first["image"] == "dicom/A01"
    assert first["region"] == "regions/A01.nii.gz"
    rows = demo_plan.annotation_rows(cases)
    assert tuple(rows[0]) == demo_plan.ANNOTATION_COLUMNS
    empty = [row for row in rows if not row["file"]]
    assert {row["roi"] for row in empty} == {""}
    assert len(rows) == sum(len(c.annotations) for c in cases)


def test_the_outputs_are_what_the_tables_name() -> None:
    cases = of()
    files = demo_plan.output_files(SETTINGS)
    named = {row["file"] for row in demo_plan.annotation_rows(cases)} - {""}
    named |= {row["region"] for row in demo_plan.case_rows(cases)}
    truth = {f for f in files if f.startswith("truth/")}
    assert set(files) == named | truth | {"cases.tsv", "annotations.tsv"}
    assert len(truth) == 64
    assert len(files) == len(set(files))
    assert demo_plan.output_folders(SETTINGS) == [f"dicom/{c.case}" for c in cases]
