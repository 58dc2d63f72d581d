"""How far a run is: read from logs in the format of Snakemake 9.27.1, and from marks and times."""

import os
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from rightreason import status_process
from rightreason.durations import duration
from rightreason.jobs_on_disk import started
from rightreason.status import Status, main, rule_of, status
from rightreason.status_pace import Pace, time_left
from rightreason.status_text import COLUMNS, LINES, last_words, screen

BEGUN = "2026-11-26T013518.903667"
START = time.mktime(time.strptime("2026-11-26T013518", "%Y-%m-%dT%H%M%S"))
HEAD = """\
The study: 12 cases of 12 patients; sites A (8), external B (4); 7 cases annotated, among them 5 of 6 drowning.
Assuming unrestricted shared filesystem usage.

SNAKEMAKE
=========
  Date: 2026-11-26 01:35:18
  Host: {host}
  Snakemake version: 9.27.1

Building DAG of jobs...
Using shell: /usr/bin/bash
{slots}
Rules claiming more threads will be scaled down.
Provided resources: gpu=Resource("gpu", 1)
Conda environments: ignored
"""  # noqa: E501
PLAN = """\
Job stats:
job             count
------------  -------
convert            12
annotate            7
train               6
saliency            3
saliency_cam        3
all                 1
total              32

Select jobs to execute...
Execute 2 jobs...
"""
FAILED = """\
RuleException:
CalledProcessError in file "/w/rules/convert.smk", line 29:
Command 'python3 /w/.snakemake/scripts/tmp7fmbk81o.convert.py' returned non-zero exit status 1.
"""
END = """\
Exiting because a job execution failed. Look above for error messages
Complete log(s): /w/.snakemake/log/x.snakemake.log
Elapsed time: 0:00:40.830751
WorkflowError:
At least one job did not complete successfully.
"""


def finished(rule: str, after: float, jobid: int = 1) -> str:
    """Return what Snakemake writes when a job is through."""
    return (
        "Select jobs to execute...\nExecute 1 jobs...\n"
        f"[{time.asctime(time.localtime(START + after))}]\n"
        f"Finished jobid: {jobid} (Rule: {rule})\n{jobid} of 32 steps (9%) done\n"
    )


class Folder:
    """A working directory made by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def log(
        self, *parts: str, slots: str = "Provided cores: 2", host: str | None = None,
        begun: str = BEGUN,
    ) -> None:  # fmt: skip
        head = HEAD.format(host=os.uname().nodename if host is None else host, slots=slots)
        path = self.path / f".snakemake/log/{begun}.snakemake.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join([head, *parts]))

    def job(self, name: str, after: float, text: str = "", seconds: float | None = None) -> None:
        """Leave a job's log, and its benchmark where it is through."""
        log = self.path / f"logs/{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
        os.utime(log, (START + after, START + after))
        if seconds is not None:
            benchmark = log.with_suffix(".benchmark.tsv")
            benchmark.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t79.42\n")
            os.utime(benchmark, (START + after, START + after + 0.1))

    def mark(self, output: str) -> None:
        """Mark an output as Snakemake does when its job begins."""
        name = urlsafe_b64encode(output.encode()).decode()
        parts = [name[i : i + 254] for i in range(0, len(name), 254)]
        path = self.path.joinpath(
            ".snakemake/incomplete", *[f"@{part}" for part in parts[:-1]], parts[-1]
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"external_jobid": null}')

    def put(self, *outputs: str) -> None:
        for output in outputs:
            path = self.path / "results" / output
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def status(self, after: float) -> Status:
        found = status(self.path, START + after)
        assert found is not None
        return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(status_process, "PROCESSES", tmp_path / "nowhere")
    return Folder(tmp_path)


@pytest.fixture
def running(folder: Folder) -> Folder:
    """A run of twelve cases: two converted, one failed, one running; one annotated."""
    folder.log(
        PLAN, FAILED, finished("convert", 4), finished("annotate", 7), finished("convert", 8)
    )
    folder.job("convert/A01", 4, seconds=3)
    folder.job("convert/A02", 8, seconds=5)
    folder.job("annotate/A01", 7, seconds=2)
    folder.job(
        "convert/A03", 5, "2026-11-26 01:35:21,886 Case A03: no volume:\n  - 1 slice is missing\n"
    )
    folder.job("convert/A04", 9)
    folder.mark("results/convert/A04.nii.gz")
    folder.mark("results/convert/A04.json")
    folder.put("convert/A01.json", "convert/A02.json", "annotate/A01/votes.nii.gz")
    lock = folder.path / ".snakemake/locks/0.input.lock"
    lock.parent.mkdir()
    lock.touch()
    return folder


def test_no_run_yet(folder: Folder) -> None:
    assert main(folder.path).startswith("No run of Snakemake has begun here")


def test_a_run_that_goes_on(running: Folder) -> None:
    found = running.status(after=10)
    rows = {row.stage: row for row in found.rows}
    assert found.alive is True
    assert list(rows) == ["convert", "annotate", "train", "saliency"]
    convert = rows["convert"]
    assert (convert.cases, convert.of_cases) == (2, 12)
    assert (convert.planned, convert.done, convert.running, convert.failed) == (12, 2, 1, 1)
    assert convert.pace == Pace(4.0, 2, fresh=True)
    assert (rows["annotate"].cases, rows["annotate"].of_cases) == (1, 7)
    assert (rows["saliency"].cases, rows["saliency"].planned) == (None, 6)
    assert found.failed == [("convert", "A03")]


def test_the_time_left_is_work_over_what_ran_side_by_side(running: Folder) -> None:
    # Done: 2 x 4 s and 1 x 2 s of work from 0 s, where the first began, to 8 s: 1.25 at a time.
    # To do: 12 - 2 - 1 failed = 9 x 4 s and 6 x 2 s: 48 s / 1.25, of which 2 s have passed.
    left = running.status(after=10).left
    assert left["convert"] is not None
    assert left["annotate"] is not None
    assert left["convert"] + left["annotate"] == pytest.approx(48 / 1.25 - 2)
    assert left["convert"] == pytest.approx(3 * left["annotate"])
    assert left["train"] is left["saliency"] is left["saliency_cam"] is None


def test_the_screen_of_a_run_that_goes_on(running: Folder) -> None:
    lines = main_at(running, 10).splitlines()
    assert lines[0].startswith("12 cases of 12 patients; sites A (8), external B (4)")
    assert lines[2] == "Running for 10 s, since 2026-11-26 01:35, 2 cores."
    assert " ".join(lines[5].split()) == "convert 2 of 12 2 of 12 1 1 4.0 s 28 s"
    assert (
        "Time left: at least 37 s; more is known when the first job of each of 3 rules"
        in " ".join(lines)
    )
    assert lines[-2] == "Failed: convert A03, see logs/convert/A03.log"
    assert lines[-1] == "  Case A03: no volume: - 1 slice is missing"


def main_at(folder: Folder, after: float) -> str:
    return screen(folder.status(after), folder.path)


def test_old_outputs_that_are_due_are_not_through(folder: Folder) -> None:
    # Twelve old results lie there; two of three that are due are not made anew yet.
    plan = "Job stats:\njob      count\n-----  -------\nconvert      3\ntotal        3\n\n"
    folder.log(plan, finished("convert", 2))
    folder.put(*(f"convert/C{n}.json" for n in range(12)))
    for n in range(12):
        folder.job(f"convert/C{n}", -1000, seconds=7)
    folder.job("convert/C0", 2, seconds=1)
    row = folder.status(after=3).rows[0]
    assert (row.cases, row.of_cases, row.done, row.planned) == (10, 12, 1, 3)
    assert row.pace == Pace(1.0, 1, fresh=True)


def test_earlier_runs_say_what_a_job_takes_and_the_screen_says_so(running: Folder) -> None:
    running.job("train/m/seed0/fold0", -1000, seconds=60)
    found = running.status(after=10)
    assert found.left["train"] == pytest.approx(6 * 60)  # One GPU: one after the other.
    text = main_at(running, 10)
    assert "60 s *" in text
    assert "(* in an earlier run)" in " ".join(text.split())


def test_waiting_for_other_phases_makes_no_phase_slower(folder: Folder) -> None:
    # One core: a prediction at 10 s, then a training until 110 s, then another prediction.
    plan = "Job stats:\njob      count\n-----  -------\ntrain 2\npredict 3\ntotal 5\n\n"
    done = [finished("predict", 10), finished("train", 110), finished("predict", 120)]
    folder.log(plan, *done, slots="Provided cores: 1")
    paces = {"train": Pace(100, 1, fresh=True), "predict": Pace(10, 2, fresh=True)}
    left = time_left(folder.status(after=120).run, {}, set(), paces, START + 120)
    assert left == {"train": pytest.approx(100), "predict": pytest.approx(10)}


def test_a_cluster_runs_as_many_as_it_may(folder: Folder) -> None:
    folder.log(PLAN, slots="Provided remote nodes: 100")
    lock = folder.path / ".snakemake/locks/0.input.lock"
    lock.parent.mkdir()
    lock.touch()
    run = folder.status(after=1).run
    assert (run.slots, run.remote) == (100, True)
    said = " ".join(main_at(folder, 1).split())
    assert ", 100 jobs at once; queued jobs count as running." in said
    left = time_left(run, {}, set(), {"train": Pace(60, 6, fresh=False)}, START + 1)
    assert left["train"] == pytest.approx(60)


def test_a_run_that_failed(running: Folder) -> None:
    log = next(running.path.glob(".snakemake/log/*"))
    log.write_text(log.read_text() + END)
    found = running.status(after=4000)
    assert (found.alive, found.run.broken, found.run.seconds) == (False, True, 40.830751)
    assert {row.stage: row.running for row in found.rows} == dict.fromkeys(
        ["convert", "annotate", "train", "saliency"], 0
    )
    text = main_at(running, 4000)
    assert "The run of 2026-11-26 01:35 stopped at failed jobs after 41 s, 2 cores." in text
    assert "Time left" not in text
    log.write_text(log.read_text().replace("Exiting because", "Terminating because"))
    assert "was stopped before its end after 41 s" in main_at(running, 4000)


def test_a_run_that_was_cut_off_names_what_was_running(running: Folder) -> None:
    (running.path / ".snakemake/locks/0.input.lock").unlink()
    found = running.status(after=100)
    assert found.alive is False
    assert found.failed == [("convert", "A03"), ("convert", "A04")]
    assert "was cut off" in main_at(running, 100)
    assert "was the job killed, for memory or time?" in main_at(running, 100)


def test_a_run_on_another_machine_is_not_called_dead(running: Folder) -> None:
    log = next(running.path.glob(".snakemake/log/*"))
    log.write_text(log.read_text().replace(os.uname().nodename, "login-node-7"))
    (running.path / ".snakemake/locks/0.input.lock").unlink()
    assert running.status(after=10).alive is None
    assert "on login-node-7, has no end in its log: 10 s so" in main_at(running, 10)


def test_who_holds_the_log_open_is_alive(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_process, "PROCESSES", Path("/proc"))
    folder.log(PLAN)
    assert folder.status(after=1).alive is False
    with next(folder.path.glob(".snakemake/log/*")).open():
        assert folder.status(after=1).alive is True


def test_what_only_looked_at_the_workflow_is_passed_over(running: Folder) -> None:
    later = running.path / ".snakemake/log/2026-11-26T023518.000001.snakemake.log"
    later.write_text("Congratulations, your workflow is in a good condition!\n")
    (running.path / ".snakemake/locks/0.input.lock").unlink()
    assert running.status(after=10).run.log.name.startswith(BEGUN)


def test_logs_and_benchmarks_that_make_no_sense_are_passed_over(running: Folder) -> None:
    logs = running.path / ".snakemake/log"
    (logs / "zzz.snakemake.log").write_text("no time in its name")
    (running.path / "logs/convert/A02.benchmark.tsv").write_bytes(b"\xff\xfe")
    assert sum(row.planned for row in running.status(10).rows) == 31
    running.log(PLAN.replace("12\n", "x\n", 1))
    assert sum(row.planned for row in running.status(10).rows) == 19


def test_logs_of_what_was_not_due_are_no_failures(folder: Folder) -> None:
    folder.log(PLAN, *[finished("convert", 4)] * 12, END)
    folder.job("convert/A01", 99)
    folder.job("summary/summary", 99)
    folder.job("annotate/A01", 99)
    assert folder.status(200).failed == [("annotate", "A01")]


def test_nothing_was_due(folder: Folder) -> None:
    nothing = "Nothing to be done (all requested files are present and up to date).\n"
    folder.log(nothing + END.partition("\n")[2])
    assert "Nothing was due at 2026-11-26 01:35" in main_at(folder, 10)


def test_marks_name_jobs(folder: Folder) -> None:
    case = "c" * 200
    for output in (
        f"results/convert/{case}.nii.gz", "results/prepare/slices/A1.json", "results/annotate/A1",
        "results/train/m/seed0/fold1/weights.ckpt", "results/predict/m/validation.tsv",
        "results/saliency/m/gradcam/shard0", "results/saliency/m/hirescam/shard0",
        "results/saliency/m/ig/shard0", "results/overlap/A1.curves.npz",
        "results/summary/overlap.tsv", "results/demo/cases.tsv", "elsewhere",
        "results/report/index.html", "results/report/cases/A1.js", "results/predict/m.tsv",
        "results/prepare/fold1.tsv", "results/saliency/shard0.tsv", "results/predict/m/shard0.tsv",
        "results/trust/m/gradcam.tsv", "results/trust/m.findings.tsv",
    ):  # fmt: skip
        folder.mark(output)
    folder.job("saliency/m/ig/shard0", 1)
    assert started(folder.path) == {
        ("convert", case), ("prepare", "A1"), ("annotate", "A1"), ("train", "m/seed0/fold1"),
        ("predict", "m/threshold"), ("saliency", "m/cam.methods/shard0"),
        ("saliency", "m/ig/shard0"), ("overlap", "A1"),
        ("summary", "summary"), ("demo", "demo"),
        ("report", "report"), ("report", "A1.view"), ("predict", "m.gather"),
        ("prepare", "fold1.gather"), ("saliency", "shard0.gather"), ("predict", "m/shard0"),
        ("trust", "m/gradcam"), ("trust", "m.findings"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("m/threshold", "threshold"),
        ("m/given_threshold", "given_threshold"),
        ("m/shard0", "predict"),
        ("m.gather", "gather_predictions"),
    ],
)
def test_the_rules_of_the_stage_that_predicts(name: str, rule: str) -> None:
    assert rule_of(("predict", name)) == rule


def test_the_rules_of_the_stage_that_tests_maps() -> None:
    assert rule_of(("trust", "m/gradcam")) == "trust"
    assert rule_of(("trust", "m.findings")) == "trust_findings"


def test_last_words_of_a_fault_are_the_exception(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(
        "2026-11-26 01:35:20,886 read\n2026-11-26 01:35:21,886 This is a fault of rightreason, or "
        "of the machine; please report it.\nTraceback (most recent call last):\nOSError: disk full"
    )
    assert last_words(log) == "OSError: disk full"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.84, "0.8 s"), (9.96, "10 s"), (119, "119 s"), (125, "2 min"),
     (7199, "2 h"), (12000, "3 h 20 min"), (200000, "2 d 7 h")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_one_screen_with_everything_wrong(folder: Folder) -> None:
    rules = ["demo", "convert", "annotate", "prepare", "train", "predict", "saliency",
             "saliency_cam", "overlap", "summary", "make_view", "report", "export"]  # fmt: skip
    plan = "".join(f"{rule:<14}15000\n" for rule in rules)
    folder.log(f"Job stats:\njob  count\n---  ---\n{plan}total  195000\n\n")
    for n in range(300):
        folder.job(f"convert/case{n}", 5, "2026-11-26 01:35:21,886 " + "a long sentence " * 40)
    lines = main_at(folder, 300000).splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    assert lines[-1] == "and 298 more failed."


def in_a_process(folder: Folder) -> tuple[str, set[str]]:
    """Run it as `make status` does; return the screen and the modules it imported."""
    command = [sys.executable, "-X", "importtime", "-m", "rightreason.status", str(folder.path)]
    environment = {**os.environ, "PYTHONPATH": "workflow/scripts"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout, {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_it_needs_nothing_but_python(running: Folder) -> None:
    text, modules = in_a_process(running)
    assert "Case A03: no volume" in text
    assert not {"torch", "pandas", "numpy", "pydantic", "snakemake"} & modules


@pytest.mark.slow
def test_a_large_cohort_is_read(folder: Folder) -> None:
    n = 15000
    plan = "".join(f"{rule:<14}{n}\n" for rule in ("convert", "prepare", "overlap"))
    folder.log(
        f"Job stats:\njob  count\n---  ---\n{plan}total  {3 * n}\n\n",
        *(finished(rule, k / 10, k) for k in range(n) for rule in ("convert", "prepare")),
    )
    for rule in ("convert", "prepare"):
        for k in range(n):
            folder.job(f"{rule}/case{k}", k / 10, seconds=0.5)
    folder.put(*(f"convert/case{k}.json" for k in range(n)))
    text, _modules = in_a_process(folder)
    assert "15000 of 15000" in text
