"""What a failed run ends in; the words of Snakemake and SLURM are quoted from real runs."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rightreason import job_logs
from rightreason.errors import InputError
from rightreason.failed_jobs import Witness, tell

DETAILS = (
    "For further error details see the cluster/cloud log and the log files of the involved rule(s)."
)
KILLED = "slurmstepd-vm: error: StepId=11.0 exceeded memory limit (1404825600 > 838860800), being"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def job(rule: str = "convert", number: int = 1, attempt: int = 3, **about: Any) -> SimpleNamespace:
    wildcards = about.pop("wildcards", {"case": "B02"})
    log = f"logs/{rule}/{'_'.join(wildcards.values()) or rule}.log"
    return SimpleNamespace(
        rule=SimpleNamespace(name=rule), wildcards=wildcards, attempt=attempt, log=[log],
        jobid=number, resources={"mem_mb": 6000, "runtime": 30, **about},
    )  # fmt: skip


def heard(message: str = "", external: str | None = None, number: int = 1) -> Witness:
    witness = Witness()
    record = logging.makeLogRecord(
        {
            "msg": "Error in rule convert, jobid: 1",
            "event": "job_error",
            "jobid": number,
            "rule_msg": message + DETAILS if external or message else None,
            "aux": {"external_jobid": external} if external else {},
        }
    )
    assert witness.filter(record)
    return witness


def status(word: str, external: str = "12_3") -> Witness:
    message = f"SLURM-job '{external}' failed, SLURM status is: '{word}'. Reason: Unknown."
    return heard(message, external)


def test_nothing_to_tell() -> None:
    assert tell([], Witness()) == ""


def test_time() -> None:
    assert tell([job("prepare")], status("TIMEOUT", "12")) == (
        "prepare, case B02: SLURM killed the job for time in the last of 3 attempts, with a limit "
        "of 30 minutes. Give it more in profiles/slurm/profile.v9+.yaml, under set-resources: "
        "`prepare: {runtime: 60}`; and run again. "
        "(SLURM's log: .snakemake/slurm_logs/rule_prepare/B02/12.log)"
    )


def test_memory_where_slurm_counts_it_with_cgroups() -> None:
    told = tell([job(attempt=1)], status("OUT_OF_MEMORY"))
    assert "convert, case B02: SLURM killed the job for memory in its only attempt" in told
    assert "with a limit of 6,000 MB." in told
    assert "`convert: {mem_mb: 12000}`" in told


@pytest.mark.parametrize("external", ["12_3", "11"])
def test_memory_where_slurm_samples_it(external: str) -> None:
    at = "12_3.log" if external == "12_3" else "B02/11.log"
    write(
        f".snakemake/slurm_logs/rule_convert/{at}",
        f"Building DAG\n{KILLED} killed\nError in rule convert\n",
    )
    told = tell([job(mem_mb=800)], status("FAILED", external))
    assert "killed the job for memory in the last of 3 attempts" in told
    assert "with a limit of 800 MB; it held 1,339 MB." in told
    assert "`convert: {mem_mb: 1600}`" in told
    assert told.endswith(f"(SLURM's log: .snakemake/slurm_logs/rule_convert/{at})")


def test_the_jobs_own_sentence() -> None:
    write("logs/convert/B02.log", "2026-11-26 08:00:00,123 reading\n2026-11-26 08:00:01,456 Case "
          "B02: the series has 3 files,\none of them truncated.\n")  # fmt: skip
    expected = (
        "convert, case B02: Its log ends: Case B02: the series has 3 files, one of them truncated. "
    )
    assert tell([job()], heard()) == f"{expected}(log: logs/convert/B02.log)"
    assert tell([job()], status("FAILED")).startswith(expected)


def test_of_a_traceback_the_last_line() -> None:
    write("logs/convert/B02.log", "2026-11-26 08:00:00,123 This is a fault of rightreason.\n"
          "Traceback (most recent call last):\n  File \"a.py\"\nValueError: no\n")  # fmt: skip
    assert "Its log ends: This is a fault of rightreason. ValueError: no" in tell([job()], heard())


def test_a_job_without_a_word() -> None:
    told = tell([job("train", wildcards={"model": "a", "seed": "0", "fold": "1"})], heard())
    assert told.startswith(
        "train, model a, seed 0, fold 1: It ended without a word in its log, as a"
    )


def test_slurms_log_where_the_job_left_none() -> None:
    write(".snakemake/slurm_logs/rule_convert/12_3.log", "python3: command not found\n\n")
    told = tell([job()], status("FAILED"))
    assert "It left no log of its own; SLURM's ends: python3: command not found" in told


def test_what_the_job_is_not_to_blame_for() -> None:
    assert "status NODE_FAIL, which says nothing against the job" in tell(
        [job()], status("NODE_FAIL")
    )


def test_refused() -> None:
    word = (
        "SLURM sbatch failed. The error message was 'sbatch: error: invalid partition specified: "
        "cpu\nsbatch: error: Batch job submission failed: Invalid partition name specified'.\n"
        "    sbatch call:\n        sbatch --parsable\n"
    )
    assert tell([job()], heard(word)) == (
        "convert, case B02: SLURM did not take the job. It says: “sbatch: error: invalid partition "
        "specified: cpu sbatch: error: Batch job submission failed: Invalid partition name "
        "specified”. Your partitions and account stand in profiles/slurm/profile.v9+.yaml."
    )


@pytest.mark.parametrize(
    "word",
    [
        "AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates "
        "accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "QOSMaxSubmitJobPerUserLimit",
        "Slurm temporarily unable to accept job, sleeping and retrying.",
    ],
)
def test_refused_for_there_are_too_many(word: str) -> None:
    told = tell([job()], heard(f"SLURM sbatch failed. The error message was '{word}'.\n"))
    assert f"SLURM did not take the job. It says: “{word.split()[0]}" in told
    assert "run again when it has worked through those it took" in told
    assert '--slurm-array-jobs "" --jobs 500' in told
    assert "partitions and account" not in told


def test_an_array_refused_is_quoted_in_each_of_its_jobs_and_cut_on_the_screen() -> None:
    witness = heard("Part of failed array sbatch submission (tasks 1-2); see log for details.")
    word = (
        "SLURM sbatch failed for array job submission (tasks 1-2). The error message was 'no such'."
    )
    record = logging.makeLogRecord({"msg": f"{word}\n    sbatch call:\n        {'x' * 50000}"})
    assert witness.filter(record)
    assert record.getMessage().startswith(word)
    assert len(record.getMessage()) < 2100
    assert "SLURM did not take the job. It says: “no such”." in tell([job()], witness)


def test_not_handed_over() -> None:
    told = tell(
        [job()], heard("Array job submission failed with exception: The account lab is not\nknown")
    )
    assert "could not be handed to SLURM. The account lab is not known" in told


def test_an_array_whose_commands_are_too_long_is_stopped() -> None:
    said = (
        "Array sbatch command exceeds argument-length limits; retrying via /dev/stdin script mode"
    )
    with pytest.raises(InputError, match="lower slurm-array-limit"):
        Witness().filter(logging.makeLogRecord({"msg": said}))


def test_many_with_one_fate_are_counted() -> None:
    jobs = [job(number=i, wildcards={"case": f"c{i:02}"}) for i in range(40, 0, -1)]
    told = tell(jobs, Witness()).split("\n\n")
    assert [line.split(":")[0] for line in told[:5]] == [
        f"convert, case c{i:02}" for i in range(1, 6)
    ]
    assert told[5:] == ["convert: the same of 35 more jobs."]


def test_the_end_of_a_long_log_is_enough() -> None:
    write("a.log", "2026-11-26 08:00:00,123 line\n" * 50_000 + "2026-11-26 08:00:00,123 the end\n")
    assert job_logs.last_record(Path("a.log")) == "the end"
