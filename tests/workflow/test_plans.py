"""Dry runs of every config and profile, and the shape of the wiring."""

import re
from pathlib import Path

import pytest
import yaml

from tests.runs import ROOT, due, rules_of, snakemake

STAGES = [
    "demo",
    "convert",
    "annotate",
    "prepare",
    "train",
    "predict",
    "saliency",
    "trust",
    "overlap",
    "summary",
    "report",
]
ON_REQUEST = ["export"]
GATHER = {"gather_prepared", "gather_predictions", "gather_saliency"}
RULES = {*STAGES, *GATHER, "threshold", "saliency_cam", "trust_findings", "make_view"}

ACROSS_LINES = re.DOTALL | re.MULTILINE


@pytest.mark.parametrize("study", ["config/config.yaml", "config/drowning/config.yaml"])
def test_ready_made_studies_plan(study: str, tmp_path: Path) -> None:
    jobs = due(ROOT, "--configfile", study, "--forceall")
    assert rules_of(jobs) == RULES


def test_every_case_has_a_view_and_only_annotated_ones_a_score() -> None:
    jobs = due(ROOT, "--forceall")
    cases = {job[1] for job in jobs if job[0] == "convert"}
    assert {job[1] for job in jobs if job[0] == "make_view"} == cases
    assert {job[1] for job in jobs if job[0] == "overlap"} < cases


def test_the_full_size_study_trains_ten_folds_of_three_models() -> None:
    jobs = due(ROOT, "--configfile", "config/drowning/config.yaml", "--forceall")
    assert len([job for job in jobs if job[0] == "train"]) == 30


def test_a_study_named_on_the_command_line_stands_alone() -> None:
    jobs = due(ROOT, "--configfile", "config/drowning/config.yaml", "--forceall")
    models = {re.search(r"model=(\w+)", job[1])[1] for job in jobs if job[0] == "predict"}
    assert models == {"alexnet", "vgg16", "densenet121_3d"}


def test_the_sarcoma_study_plans_on_tables_of_its_kind(tmp_path: Path) -> None:
    cases, annotations = ["case\timage\tlabel\tpatient"], ["case\trater\tfile\troi"]
    for n in range(5):
        for label in ("tumour", "clear"):
            case = f"STS_{n}_{label}"
            (tmp_path / case).mkdir()
            cases.append(f"{case}\t{case}\t{label}\tSTS_{n}")
            annotations.append(f"{case}\texpert\t\t")
    (tmp_path / "cases.tsv").write_text("\n".join(cases) + "\n")
    (tmp_path / "annotations.tsv").write_text("\n".join(annotations) + "\n")
    jobs = due(
        ROOT, "--configfile", "config/sts/config.yaml", "--forceall",
        "--config", f"cases={tmp_path}/cases.tsv", f"annotations={tmp_path}/annotations.tsv",
    )  # fmt: skip
    assert rules_of(jobs) == RULES - {"demo"}
    assert len([job for job in jobs if job[0] == "make_view"]) == 10
    assert len([job for job in jobs if job[0] == "overlap"]) == 10
    assert len([job for job in jobs if job[0] == "train"]) == 6


def test_the_slurm_profile_plans() -> None:
    result = snakemake(
        ROOT, "--dry-run", "--workflow-profile", "profiles/slurm", "--forceall",
        "--configfile", "config/drowning/config.yaml",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:]
    assert "profiles/slurm" in result.stdout
    train = re.search(r"rule train:.*?resources: (.*?)\n", result.stdout, flags=re.DOTALL)[1]
    convert = re.search(r"rule convert:.*?resources: (.*?)\n", result.stdout, flags=re.DOTALL)[1]
    assert "gpu=1" in train
    assert "slurm_partition=gpu" in train
    assert "gpu=" not in convert
    assert "slurm_partition=cpu" in convert


def test_what_is_tried_again_asks_for_more_and_what_fans_out_goes_in_arrays() -> None:
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.v9+.yaml").read_text())
    assert profile["retries"] == 2
    per_case = {"convert", "annotate", "prepare", "overlap", "make_view", "export"}
    assert set(profile["slurm-array-jobs"].split(", ")) == per_case
    handed_over = set()
    for path in (ROOT / "rules").glob("*.smk"):
        for rule in re.split(r"^ *rule (?=\w+:)", path.read_text(), flags=re.MULTILINE)[1:]:
            # That of a rule would retry inside the allocation.
            assert "retries:" not in rule
            name = rule.partition(":")[0]
            if "localrule: True" not in rule and name != "all":
                handed_over.add(name)
                for limit in ("mem_mb", "runtime"):
                    (asked,) = re.findall(
                        rf"{limit}=lambda (.*?)(?=^ {{8}}\w|\Z)", rule, ACROSS_LINES
                    )
                    assert "* attempt" in asked, (name, limit)
    assert handed_over == {rule for rule in RULES if not rule.startswith("gather_")} | {"export"}


def test_training_asks_for_the_memory_of_its_images() -> None:
    """A thousand cases, of which nine hundred train a network: 1.4 and 1.05 MB each."""
    planned = snakemake(
        ROOT, "--dry-run", "--forceall", "--until", "train",
        "--configfile", "config/drowning/config.yaml", "--config", "demo={training_cases: 1000}",
    )  # fmt: skip
    asked = re.findall(
        r"wildcards: model=(\w+), seed=0, fold=\d\n(?:    .*\n)*?    resources: (.*)",
        planned.stdout,
    )
    found = {model: int(re.search(r"mem_mb=(\d+)", told)[1]) for model, told in asked}
    assert found == {"alexnet": 9264, "vgg16": 9264, "densenet121_3d": 8943}


def test_bad_input_is_told_before_any_job() -> None:
    result = snakemake(ROOT, "--dry-run", "--config", "positive=drowned", "modles=1")
    assert result.returncode != 0
    assert "'modles' is unknown" in result.stdout
    assert "Did you mean models?" in result.stdout
    assert "Traceback" not in result.stdout
    assert "Building DAG" not in result.stdout


def test_one_word_per_stage() -> None:
    for stage in [*STAGES, *ON_REQUEST]:
        for path in (
            f"rules/{stage}.smk",
            f"workflow/scripts/{stage}.py",
            f"workflow/scripts/rightreason/{stage}.py",
        ):
            assert (ROOT / path).is_file(), path
    assert {path.stem for path in (ROOT / "rules").glob("*.smk")} == {
        *STAGES, *ON_REQUEST, "array_tasks", "common", "failed_jobs"
    }  # fmt: skip


def test_the_wiring_stays_short() -> None:
    def lines(path: Path) -> int:
        return len(path.read_text().splitlines())

    assert lines(ROOT / "Snakefile") < 40
    assert lines(ROOT / "rules" / "common.smk") < 100
    assert {
        p.name: lines(p) for p in (ROOT / "workflow" / "scripts").glob("*.py") if lines(p) > 15
    } == {}
