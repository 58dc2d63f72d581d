"""What a job costs before it does anything: the interpreter and the modules each stage imports.

Snakemake runs, as script jobs, an empty script and one for each stage that loads the stage's
wrapper up to its first line of work. CPU seconds, medians; the first round, in which Python
compiles what it reads, does not count. What a stage imports only where it needs it is not in here:
whole jobs are in `benchmarks/scale.py`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measured import Measured, jobs_in, snakemake

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "workflow" / "scripts"
REPETITIONS, AIM_S = 7, 1.0
HEAVY = ("pandas", "scipy", "SimpleITK", "pydicom", "matplotlib", "torch", "monai")
OF = {
    "train": "network", "threshold": "model", "given_threshold": "model", "predict": "shard",
    "saliency": "shard",
    "trust": "model", "trust_findings": "model", "summary": "cohort", "report": "cohort",
    "demo": "cohort", "gather_prepared": "shard", "gather_predictions": "model",
    "gather_saliency": "shard",
}  # fmt: skip
SNAKEFILE = """rule all:
    input:
        expand("{{stage}}/{{n}}.txt", stage={stages}, n=range({jobs})),
"""
RULE = """
rule {stage}:
    output:
        "{stage}/{{n}}.txt",
    script:
        "{stage}.py"
"""
LOAD = """import runpy, sys
sys.path.insert(0, {scripts!r})
runpy.run_path({wrapper!r}, run_name="start")
with open(snakemake.output[0], "w") as file:
    print(*(name for name in {heavy!r} if name in sys.modules), sep=", ", file=file)
"""
EMPTY = "open(snakemake.output[0], 'w').close()\n"


def started(folder: Path, stages: list[str], jobs: int) -> dict[str, list[Measured]]:
    """Start each stage in some jobs, and as many empty ones."""
    names = ["empty", *stages]
    rules = "".join(RULE.format(stage=name) for name in names)
    (folder / "Snakefile").write_text(SNAKEFILE.format(stages=names, jobs=jobs) + rules)
    (folder / "empty.py").write_text(EMPTY)
    for stage in stages:
        wrapper = str(SCRIPTS / f"{stage}.py")
        script = LOAD.format(scripts=str(SCRIPTS), wrapper=wrapper, heavy=HEAVY)
        (folder / f"{stage}.py").write_text(script)
    snakemake(folder / "hook", folder, "--force", "--forceall")
    return jobs_in(folder / "hook")


def main() -> None:
    """Print the table; fail where a stage with a job for each case misses the aim."""
    stages = sorted(path.stem for path in SCRIPTS.glob("*.py"))
    with tempfile.TemporaryDirectory(prefix="rightreason-overhead-") as name:
        folder = Path(name)
        started(folder, stages, 1)
        jobs = started(folder, stages, REPETITIONS)
        loads = {stage: (folder / stage / "0.txt").read_text().strip() for stage in stages}
    cpu = {stage: statistics.median(job.cpu for job in jobs[stage]) for stage in jobs}
    sys.stdout.write("| stage | a job for each | CPU s | above an empty job | MB | loads |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    for stage in ["empty", *stages]:
        above = cpu[stage] - cpu["empty"]
        peak = max(job.megabytes for job in jobs[stage])
        of = "" if stage == "empty" else OF.get(stage, "case")
        sys.stdout.write(
            f"| {stage} | {of} | {cpu[stage]:.2f} | {above:.2f} | {peak:.0f} | "
            f"{loads.get(stage, '')} |\n"
        )
    per_case = [stage for stage in stages if stage not in OF]
    slow = [stage for stage in per_case if cpu[stage] - cpu["empty"] > AIM_S]
    barred = {"pandas", "torch", "monai"}
    heavy = [stage for stage in per_case if barred & set(loads[stage].split(", "))]
    if slow or heavy:
        sys.exit(
            f"More than {AIM_S} s above an empty job: {slow}; loading pandas, torch or MONAI: "
            f"{heavy}; and that for each case."
        )


if __name__ == "__main__":
    main()
