import shutil
from pathlib import Path
from typing import Any

import pytest
from rightreason import study_networks
from rightreason.errors import InputError
from rightreason.study import load_study

MODELS = {"m": {"input": "slices", "network": "ResNet10"}}


def cohort(folder: Path, rows: list[tuple[str, str, str, str]], **config: Any) -> dict[str, Any]:
    """Write cases (case, label, patient, site) whose images exist, and return a config."""
    folder.mkdir(exist_ok=True)
    lines = ["case\timage\tlabel\tpatient\tsite"]
    for case, label, patient, site in rows:
        (folder / case).mkdir(exist_ok=True)
        lines.append("\t".join([case, case, label, patient, site]))
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n")
    return {
        "cases": str(folder / "cases.tsv"),
        "external_sites": [],
        "train": {"folds": 2},
        "models": MODELS,
        **config,
    }


def row(n: int, site: str = "A", patient: str = "") -> tuple[str, str, str, str]:
    return f"c{n}", ("other", "drowning")[n % 2], patient or f"p{n}", site


def refuse(raw: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        load_study(raw)
    return str(caught.value)


def test_the_embedded_cohort_is_a_study_without_any_file() -> None:
    study = load_study({"models": MODELS, "external_sites": ["B"]})
    assert study.is_demo
    assert len(study.training) == 24
    assert {case.site for case in study.cases.values()} == {"A", "B"}
    assert len(study.cases) == 32


@pytest.mark.parametrize(
    ("name", "reference"), [("otsu", None), ("top10", None), ("area", "staple")]
)
def test_views_depend_on_the_reference_only_where_their_cut_does(
    name: str, reference: str | None
) -> None:
    headline = {"binarisation": name, "reference": "staple"}
    study = load_study({"models": MODELS, "external_sites": ["B"], "headline": headline})
    settings = study.view_settings()
    assert settings["binarisation"]["rule"] == {"top10": "top"}.get(name, name)
    assert settings["reference"] == reference
    assert settings["view_size"] == [256, 256, 64]


def test_no_network_judges_a_patient_it_was_trained_with(tmp_path: Path) -> None:
    rows = [row(n, patient=f"pair{n // 4}-{n % 2}") for n in range(24)] + [
        row(n, "B") for n in (30, 31)
    ]
    study = load_study(cohort(tmp_path, rows, external_sites=["B"], train={"folds": 3, "seeds": 2}))
    committees = study_networks.committees(study.config, "m")
    at = "results/train/m/seed{}/fold{}/weights.ckpt".format
    for case in study.cases.values():
        committee = committees[study.folds.get(case.case)]
        for network in [name for seed in committee for name in seed]:
            fold = int(network.split("/")[-2].removeprefix("fold"))
            trained_with = {study.cases[c].patient for c in study.parts(fold)}
            assert case.patient not in trained_with
            assert not any(study.cases[c].site == "B" for c in study.parts(fold))
    assert committees[None] == [[at(s, k) for k in range(3)] for s in range(2)]
    assert "c30" not in study.folds
    for fold in range(3):
        chosen_on = study.validation(fold)
        assert chosen_on
        assert all(study.folds[case] != fold for case in chosen_on)
        assert committees[fold] == [[at(s, fold)] for s in range(2)]


def test_a_case_added_to_an_external_site_changes_no_fold(tmp_path: Path) -> None:
    rows = [row(n) for n in range(12)] + [row(20, "B")]
    before = load_study(cohort(tmp_path, rows, external_sites=["B"]))
    after = load_study(cohort(tmp_path, [*rows, row(21, "B")], external_sites=["B"]))
    assert before.folds == after.folds
    assert [before.parts(k) for k in range(2)] == [after.parts(k) for k in range(2)]


def test_the_cohort_as_a_whole_is_checked_at_once(tmp_path: Path) -> None:
    rows = [*(row(n) for n in range(4)), row(6), row(8), row(10, "B", "p8")]
    message = refuse(cohort(tmp_path, rows, external_sites=["B", "C"], train={"folds": 3}))
    assert "external_sites: 'C' is unknown; there are A, B" in message
    assert "patient p8 has cases in the sites A, B" in message
    assert "2 patients of the class drowning, fewer than the 3 folds" in message
    assert message.count("\n  - ") == 3


def test_one_class_only(tmp_path: Path) -> None:
    message = refuse(cohort(tmp_path, [row(0), row(2), row(4)]))
    assert "the training sites have no case of the class drowning" in message


def test_an_external_site_that_is_everything(tmp_path: Path) -> None:
    message = refuse(cohort(tmp_path, [row(0), row(1)], external_sites=["A"]))
    assert "every site is external" in message


def test_problems_of_both_tables_come_together(tmp_path: Path) -> None:
    raw = cohort(tmp_path, [row(n) for n in range(4)])
    with (tmp_path / "cases.tsv").open("a") as file:
        file.write("c9\tnowhere\tother\tp9\tA\n")
    (tmp_path / "annotations.tsv").write_text("case\trater\tfile\nc7\tr\t\nc0\tr\tgone.nii\n")
    message = refuse({**raw, "annotations": str(tmp_path / "annotations.tsv")})
    assert "cases.tsv, row 6, column image: there is no" in message
    assert "annotations.tsv, row 2, column case: 'c7' is not in the table of cases" in message
    assert "annotations.tsv, row 3, column file: there is no" in message


def test_one_annotation_of_two_patients(tmp_path: Path) -> None:
    """Two raters, or two cases of a patient, may share a file; c9 has no place in the cohort."""
    raw = cohort(tmp_path, [*(row(n) for n in range(4)), row(4, patient="p0")])
    with (tmp_path / "cases.tsv").open("a") as file:
        file.write("c9\tnowhere\tother\tp9\tA\n")
    (tmp_path / "a.nii").touch()
    rows = ["c0\tr\ta.nii", "c0\ts\ta.nii", "c4\tr\ta.nii", "c2\tr\ta.nii", "c9\tr\ta.nii"]
    (tmp_path / "annotations.tsv").write_text("\n".join(["case\trater\tfile", *rows]) + "\n")
    message = refuse({**raw, "annotations": str(tmp_path / "annotations.tsv")})
    assert f"{tmp_path}/a.nii is an annotation of case c0 and of case c2, of another" in message
    assert message.count("a.nii") == 1


def test_the_headline_must_name_a_reference_there_is(tmp_path: Path) -> None:
    raw = cohort(tmp_path, [row(n) for n in range(4)], headline={"reference": "rater_one"})
    (tmp_path / "annotations.tsv").write_text("case\trater\tfile\nc0\trater1\t\n")
    message = refuse({**raw, "annotations": str(tmp_path / "annotations.tsv")})
    assert "headline.reference: 'rater_one' is unknown" in message
    assert "Did you mean rater1?" in message


@pytest.mark.parametrize("reference", ["r1", "majority", "union", "intersection", "staple"])
def test_the_headline_may_be_of_any_rater_or_consensus(tmp_path: Path, reference: str) -> None:
    raw = cohort(tmp_path, [row(n) for n in range(8)], headline={"reference": reference})
    (tmp_path / "annotations.tsv").write_text("case\trater\tfile\nc0\tr1\t\n")
    study = load_study({**raw, "annotations": str(tmp_path / "annotations.tsv")})
    assert study.config.headline.reference == reference


def test_only_annotated_cases_are_listed_with_annotations(tmp_path: Path) -> None:
    raw = cohort(tmp_path, [row(n) for n in range(8)])
    (tmp_path / "annotations.tsv").write_text("case\trater\tfile\nc0\tr1\t\nc0\tr2\t\n")
    study = load_study({**raw, "annotations": str(tmp_path / "annotations.tsv")})
    assert list(study.annotations) == ["c0"]
    assert [a.rater for a in study.annotations["c0"]] == ["r1", "r2"]


def test_too_few_patients_to_train_and_validate(tmp_path: Path) -> None:
    message = refuse(cohort(tmp_path, [row(n) for n in range(4)]))
    assert "the training sites have too few patients: without test fold 0" in message


def test_initial_weights_must_be_there(tmp_path: Path) -> None:
    models = {"m": {**MODELS["m"], "weights": str(tmp_path)}}
    message = refuse(cohort(tmp_path, [row(n) for n in range(8)], models=models))
    assert f"models.m.weights: there is no file {tmp_path}" in message


def test_the_cohort_is_told_in_one_line(tmp_path: Path) -> None:
    rows = [*(row(n) for n in range(8)), row(21, "B")]
    raw = cohort(tmp_path, rows, external_sites=["B"])
    (tmp_path / "annotations.tsv").write_text("case\trater\tfile\nc1\tr1\t\nc0\tr1\t\n")
    study = load_study({**raw, "annotations": str(tmp_path / "annotations.tsv")})
    assert study.describe() == (
        "The study: 9 cases of 9 patients; sites A (8), external B (1); "
        "2 cases annotated, among them 1 of 5 drowning."
    )


def test_the_classes_stand_in_the_places_of_their_labels(tmp_path: Path) -> None:
    study = load_study(cohort(tmp_path, [row(n) for n in range(8)], classes=["drowning", "other"]))
    assert study.negative_first == ["other", "drowning"]
    assert all(study.negative_first[study.label(c)] == study.cases[c].label for c in study.cases)


def stratified(folder: Path, values: list[str], *strata: str) -> dict[str, Any]:
    """Return a config of a cohort with a further column `grp`, to be divided by `strata`."""
    raw = cohort(folder, [row(n) for n in range(len(values))])
    table = folder / "cases.tsv"
    lines = table.read_text().splitlines()
    lines = [f"{line}\t{cell}" for line, cell in zip(lines, ["grp", *values], strict=True)]
    table.write_text("\n".join(lines) + "\n")
    return {**raw, "summary": {"strata": list(strata)}}


def test_strata_come_with_the_cases(tmp_path: Path) -> None:
    study = load_study(stratified(tmp_path, ["a", "b", "", "a"] * 3, "grp"))
    described = study.described()
    assert list(described) == list(study.cases)
    assert described["c1"] == {"patient": "p1", "site": "A", "label": "drowning", "grp": "b"}
    assert described["c2"]["grp"] == ""
    assert "grp" not in load_study(stratified(tmp_path, ["a"] * 12)).described()["c1"]


def test_strata_that_cannot_divide_the_cohort(tmp_path: Path) -> None:
    values = [str(40 + n) for n in range(13)]
    message = refuse(stratified(tmp_path, values, "grb", "grp", "site", "fold", "grb"))
    assert "summary.strata: 'grb' is unknown; there are grp. Did you mean grp?" in message
    assert "summary.strata: 'grb' is named twice" in message
    assert "the column 'grp' has 13 different values, and at most 12 can be tabled" in message
    assert "add a column of groups" in message
    assert "'site' means something to the workflow itself" in message
    assert "'fold' means something to the workflow itself" in message
    assert message.count("\n  - ") == 5


def test_strata_of_a_table_without_further_columns(tmp_path: Path) -> None:
    raw = cohort(tmp_path, [row(n) for n in range(8)], summary={"strata": ["sex"]})
    assert "'sex' is unknown; the table of cases has no further column" in refuse(raw)


def test_twelve_values_and_a_blank_one_more(tmp_path: Path) -> None:
    twelve = [str(n) for n in range(12)]
    assert load_study(stratified(tmp_path, [*twelve, "3"], "grp")).cases
    assert "has 13 different values" in refuse(stratified(tmp_path, [*twelve, ""], "grp"))


def test_a_node_does_not_look_for_the_files_of_the_cohort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = cohort(tmp_path / "study", [row(n) for n in range(8)])
    study = load_study(raw)
    shutil.rmtree(tmp_path / "study" / "c3")
    assert "there is no" in refuse(raw)
    asked: list[str] = []
    real = Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda self, **k: (asked.append(self.name), real(self, **k))[1]
    )
    there = load_study(raw, checked=True)
    assert asked == []
    assert (there.cases, there.folds) == (study.cases, study.folds)
