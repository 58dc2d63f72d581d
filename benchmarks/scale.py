"""What a study costs as it grows: to plan it, to start a job on a node, and to run it for real.

Plans: made-up studies of 500 cases up to the size asked for, in a fresh checkout; once with every
file from outside read, once with its digest known, and once as a node reads the workflow for one
job. Hollow runs: the same with scripts that only make their outputs, run to the end by Snakemake;
what it spends on each job, and what it then takes to find that nothing is due. Real runs: two sizes
of tiny cases through every stage; the CPU time and the peak memory of each job, and the bytes that
a stage leaves of each case. CPU seconds where it says so, as the machine may be shared; a plan runs
on one core.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rightreason.contents import ContentDigests

from benchmarks.made_up_study import write_study
from benchmarks.measured import Measured, jobs_in, snakemake
from tests.runs import checkout

SIZES = (500, 2000)
SERIES, SLICES = 100, 300
AIM_S, AIM_MB = 30.0, 600.0
NODE = (
    "--target-jobs", "{rule}:case={case}", "--allowed-rules", "{rule}", "--attempt", "1",
    "--force-use-threads", "--force", "--target-files-omit-workdir-adjustment",
    "--max-inventory-time", "0", "--retries", "0", "--no-hooks", "--nolock", "--ignore-incomplete",
    "--mode", "remote",
)  # fmt: skip
"""How the SLURM executor calls snakemake on a node."""
HOLLOW = """from pathlib import Path
for path in map(Path, snakemake.output):
    if "." in path.name:
        path.touch()
    else:
        path.mkdir(parents=True, exist_ok=True)
"""
EMPTY = 'rule convert:\n    output:\n        "{case}"\n    shell:\n        "touch {output}"\n'


def say(*cells: object) -> None:
    """Write a row of a Markdown table."""
    sys.stdout.write("| " + " | ".join(str(cell) for cell in cells) + " |\n")
    sys.stdout.flush()


def head(*cells: str) -> None:
    """Write the head of a Markdown table."""
    sys.stdout.write("\n")
    say(*cells)
    say(*["---"] * len(cells))


def held(value: float, aim: float) -> str:
    """Write a value, and that it is above its aim."""
    return f"{value:.1f}" if value <= aim else f"{value:.1f} (missed: {aim:.0f})"


def planned_jobs(output: str) -> int:
    """Read how many jobs a dry run would do."""
    return int(re.findall(r"^total +(\d+)$", output, flags=re.MULTILINE)[-1])


def on_node(hook: Path, folder: Path, case: str, *arguments: str) -> Measured:
    """Read the workflow as for one job, up to where it would start."""
    node = [part.format(rule="convert", case=case) for part in NODE]
    return snakemake(hook, folder, "--dry-run", *node, *arguments)


def plans(folder: Path, sizes: Iterable[int]) -> None:
    """Tell what planning costs at each size, a file a series."""
    head(
        "cases", "jobs", "first plan, CPU s", "next plan, CPU s", "wall s", "MB",
        "per 10,000 jobs: CPU s", "MB", "one job on a node, CPU s", "MB",
    )  # fmt: skip
    hook = folder / "hook"
    for cases in sizes:
        place = folder / f"plan{cases}"
        tree = checkout(place / "checkout")
        config = ("--configfile", str(write_study(place, cases, slices=1)))
        first = snakemake(hook, tree, "--dry-run", *config)
        # What changed within two seconds is read again: the second plan finds all known.
        again = snakemake(hook, tree, "--dry-run", *config)
        node = on_node(hook, tree, _any_case(place), *config)
        jobs = planned_jobs(again.output)
        tens = jobs / 10_000
        say(
            f"{cases:,}", f"{jobs:,}", f"{first.cpu:.1f}", f"{again.cpu:.1f}", f"{again.wall:.1f}",
            f"{again.megabytes:.0f}", held(again.cpu / tens, AIM_S),
            held(again.megabytes / tens, AIM_MB),
            f"{node.cpu:.2f}", f"{node.megabytes:.0f}",
        )  # fmt: skip
    empty = folder / "empty"
    empty.mkdir()
    (empty / "Snakefile").write_text(EMPTY)
    bare = on_node(hook, empty, "a")
    sys.stdout.write(
        f"\nAims: {AIM_S:.0f} s and {AIM_MB:.0f} MB per 10,000 jobs. An empty Snakefile on a node: "
        f"{bare.cpu:.2f} s of CPU, {bare.megabytes:.0f} MB.\n"
    )


def hollow_runs(folder: Path, sizes: Iterable[int]) -> None:
    """Tell what Snakemake itself costs when jobs cost nothing, and when none is due."""
    head(
        "cases", "jobs", "snakemake a job, CPU ms", "MB", "with nothing due, CPU s", "MB",
        "per 10,000 jobs: CPU s", "Snakemake's records, kB a case",
    )  # fmt: skip
    for cases in sizes:
        place = folder / f"hollow{cases}"
        tree = checkout(place / "checkout")
        for script in (tree / "workflow" / "scripts").glob("*.py"):
            script.write_text(HOLLOW)
        config = ("--configfile", str(write_study(place, cases, slices=1)))
        hook = place / "hook"
        ran = snakemake(hook, tree, *config)
        of = jobs_in(hook)
        count = sum(len(jobs) for jobs in of.values())
        spent = ran.cpu - sum(job.cpu for jobs in of.values() for job in jobs)
        nothing = due_nothing(hook, tree, *config)
        say(
            f"{cases:,}", f"{count:,}", f"{1000 * spent / count:.0f}", f"{ran.megabytes:.0f}",
            f"{nothing.cpu:.1f}", f"{nothing.megabytes:.0f}",
            f"{nothing.cpu / count * 10_000:.1f}",
            f"{bytes_below(tree / '.snakemake') / cases / 1000:.0f}",
        )  # fmt: skip


def due_nothing(hook: Path, tree: Path, *arguments: str) -> Measured:
    """Plan a finished run; an error is raised when there is something to do."""
    nothing = snakemake(hook, tree, "--dry-run", *arguments)
    if "Nothing to be done" not in nothing.output:
        raise RuntimeError(f"A finished run has jobs to do:\n{nothing.output[-3000:]}")
    return nothing


def digests(folder: Path) -> None:
    """Tell what it costs to know series by their content: at first, and from then on."""
    place = folder / "series"
    for series in range(SERIES):
        (place / f"{series}").mkdir(parents=True)
        for number in range(SLICES):
            (place / f"{series}" / f"{number:04d}.dcm").write_bytes(b"%d" % number)
    # What changed within two seconds is read again.
    time.sleep(2.1)
    spent = []
    for _ in range(2):
        known = ContentDigests(folder / "digests")
        started = time.process_time()
        for series in range(SERIES):
            known.of(place / f"{series}")
        known.keep()
        spent.append((time.process_time() - started) / (SERIES * SLICES) * 1e6)
    size = (folder / "digests").stat().st_size / SERIES
    sys.stdout.write(
        f"\nA file of a series of {SLICES}, nearly empty: {spent[0]:.0f} µs of CPU to read, "
        f"{spent[1]:.1f} µs once known; {size:.0f} bytes of cache a series.\n"
    )


def _any_case(place: Path) -> str:
    return (place / "study" / "cases.tsv").read_text().splitlines()[-1].split("\t")[0]


def real_run(folder: Path, cases: int) -> tuple[Measured, dict[str, list[Measured]], Path]:
    """Run a study of tiny real cases to the end."""
    place = folder / f"run{cases}"
    tree = checkout(place / "checkout")
    config = write_study(place, cases)
    whole = snakemake(place / "hook", tree, "--configfile", str(config))
    return whole, jobs_in(place / "hook"), tree


def bytes_below(folder: Path) -> int:
    """Add up the files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def runs(folder: Path, sizes: Sequence[int]) -> None:
    """Tell what real runs cost: each stage's jobs, and what they leave."""
    ran = [real_run(folder, cases) for cases in sizes]
    head("stage", *[
        f"{what}, {cases} cases" for cases in sizes for what in ("jobs", "CPU s a job", "MB")
    ])  # fmt: skip
    for stage in ran[-1][1]:
        cells: list[str] = []
        for _, jobs, _ in ran:
            of = jobs[stage]
            cpu = statistics.median(job.cpu for job in of)
            cells += [f"{len(of)}", f"{cpu:.2f}", f"{max(job.megabytes for job in of):.0f}"]
        say(stage, *cells)
    head("cases", "wall s", "snakemake itself, CPU s", "MB", "jobs, CPU s", "nothing due, CPU s")
    for cases, (whole, jobs, tree) in zip(sizes, ran, strict=True):
        spent = sum(job.cpu for of in jobs.values() for job in of)
        config = str(tree.parent / "config.yaml")
        nothing = due_nothing(tree.parent / "again", tree, "--configfile", config)
        say(cases, f"{whole.wall:.0f}", f"{whole.cpu - spent:.0f}", f"{whole.megabytes:.0f}",
            f"{spent:.0f}", f"{nothing.cpu:.1f}")  # fmt: skip
    disk(sizes[-1], ran[-1][2])


def disk(cases: int, tree: Path) -> None:
    """Tell the files and bytes of each stage."""
    head("left behind", "files", "kB a case")
    folders = sorted(path for path in (tree / "results").iterdir() if path.is_dir())
    for folder in [*folders, tree / "logs", tree / ".snakemake"]:
        files = sum(file.is_file() for file in folder.rglob("*"))
        say(folder.name, f"{files:,}", f"{bytes_below(folder) / cases / 1000:.1f}")


def main() -> None:
    """Plan, then run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cases", type=int, default=5000, help="the largest study to plan; 0: none"
    )
    parser.add_argument("--hollow", type=int, default=2000, help="the largest hollow run; 0: none")
    parser.add_argument("--run", type=int, default=500, help="the largest study to run; 0: none")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rightreason-scale-") as name:
        folder = Path(name)
        digests(folder)
        if chosen.cases:
            plans(folder, sorted({*(n for n in SIZES if n < chosen.cases), chosen.cases}))
        if chosen.hollow:
            hollow_runs(folder, sorted({chosen.hollow // 4, chosen.hollow}))
        if chosen.run:
            runs(folder, (max(20, chosen.run // 5), chosen.run))


if __name__ == "__main__":
    main()
