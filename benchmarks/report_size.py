"""What the report's viewer costs: the time and memory of one `make_view` job, and what it leaves.

A CT of 512 x 512 x 28 with three models of the three kinds of input, two methods (Grad-CAM and
integrated gradients, made up with the grain of their kind) and four raters. The CT is real where it
can be had (LIDC-IDRI-0001, its 16 slices mirrored to 28): noise decides the size. Three crops: all
of the image, the body, and the lungs as `prepare` crops with a `region`. Each job is a whole
process of its own, start-up included; CPU time, as the machine may be shared, and the wall clock
beside it; medians. The same files read and nothing else made of them is the yardstick. Then the
size under other choices of steps, resolution and compression, each against the choice made.
"""

from __future__ import annotations

# A job's process imports this module too: what only the tables need is imported there.
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.report_case import KINDS, METHODS, ROOT, made_up_ct, real_ct, write_case

CASES, REPETITIONS = 313, 5
AIM_S, AIM_MB = 2.0, 500.0
LADDERS = ((64, 8, 4, 32), (64, 16, 4, 32), (64, 8, 8, 32), (64, 32, 8, 32), (64, 32, 4, 32))
SETTINGS = {
    "binarisation": {"rule": "otsu", "part": "positive", "percent": None},
    "reference": None,
    "view_size": [256, 256, 64],
}
PARTS = {
    "reading CT and maps": ("rightreason.make_view", "load"),
    "reading marks": ("rightreason.make_view", "read_masks"),
    "placing maps": ("rightreason.view_volumes", "place"),
    "cutting maps": ("rightreason.view_volumes", "cut_unsorted"),
    "averaging": ("rightreason.blocks", "Blocks.mean"),
    "gzip": ("rightreason.view_volumes", "pack"),
}
Fields = dict[str, Any]


def arguments(folder: Path) -> tuple[Any, ...]:
    """Return what `make_view` is called with."""
    from rightreason.case_files import ModelFiles

    files = {
        kind: ModelFiles(
            folder / f"{kind}.json",
            {method: folder / f"{kind}.{method}.nii.gz" for method in METHODS}, {}, (),
        )
        for kind in KINDS
    }  # fmt: skip
    return "c", files, folder / "ct.nii.gz", folder / "marks", SETTINGS, folder / "c.js"


def job(folder: Path) -> None:
    """Do the job itself, in this process; print the CPU time of its parts."""
    from rightreason.make_view import make_view

    times = {"start-up and imports": time.process_time()}
    with ExitStack() as stack:
        for name, target in PARTS.items():
            stack.enter_context(timed(name, *target, times))
        make_view(*arguments(folder))
    times["the rest"] = time.process_time() - sum(times.values())
    print(json.dumps(times))


@contextmanager
def timed(name: str, module: str, path: str, times: dict[str, float]) -> Iterator[None]:
    """Add up the CPU time of a function while inside."""
    *owners, attribute = path.split(".")
    target = sys.modules[module]
    for owner in owners:
        target = getattr(target, owner)
    inner: Callable[..., Any] = getattr(target, attribute)
    times[name] = 0.0

    def outer(*args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return inner(*args, **kwargs)
        finally:
            times[name] += time.process_time() - started

    setattr(target, attribute, outer)
    yield
    setattr(target, attribute, inner)


def read_only(folder: Path) -> None:
    """Start, and read the same files: the yardstick."""
    from rightreason.images import load
    from rightreason.reference_files import read_masks

    _, files, volume, marks, *_ = arguments(folder)
    read_masks(marks)
    for path in (volume, *(path for one in files.values() for path in one.maps.values())):
        load(path)


def measure(task: str, folder: Path) -> Fields:
    """Run one task as a process; return CPU and wall seconds, peak MB, and what it printed."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.report_size", task, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{task} failed with {process.returncode}")
    return {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - started,
        "mb": usage.ru_maxrss / 1024,
        "parts": json.loads(printed or "{}"),
    }


def shown(folder: Path) -> Fields:
    """Read a case's file back."""
    text = (folder / "c.js").read_text()
    fields: Fields = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    return fields


def sizes(folder: Path) -> dict[str, float]:
    """Return what the parts of a case's file weigh, in MB."""
    fields = shown(folder)
    maps = {
        f"maps, {method}": sum(len(m["data"]) for m in fields["maps"] if m["method"] == method)
        for method in METHODS
    }
    parts = {"CT": len(fields["ct"]["data"]), **maps, "marks": len(fields["marks"]["data"])}
    return {name: size / 1e6 for name, size in parts.items()} | {
        "file": (folder / "c.js").stat().st_size / 1e6
    }


def choices(folder: Path) -> Iterator[tuple[str, dict[str, float], float]]:
    """Make the case's file under other choices; yield their names, sizes and CPU seconds."""
    from unittest import mock

    from rightreason import make_view as job_module
    from rightreason import view_volumes as volumes

    def ladder(air: int, lung: int, soft: int, bone: int) -> Fields:
        rungs = ((-1024, air), (-960, lung), (-192, soft), (320, bone), (3072, 0))
        return {"LADDER": rungs, "HU_STEP": min(air, lung, soft, bone)}

    options: dict[str, tuple[Any, Fields]] = {
        "as it is": (volumes, {"GZIP_LEVEL": volumes.GZIP_LEVEL}),
        **{
            f"CT in steps of {n} HU throughout": (volumes, ladder(n, n, n, n))
            for n in (2, 4, 8, 16)
        },
        **{f"CT in steps of {s} HU": (volumes, ladder(*s)) for s in LADDERS},
        **{f"maps in {252 // n} steps": (volumes, {"MAP_STEP": n}) for n in (1, 2)},
        "maps as fine as the CT": (job_module, {"MAP_SHARE": 1}),
        **{f"gzip level {n}": (volumes, {"GZIP_LEVEL": n}) for n in (1, 4, 9)},
    }
    for name, (module, values) in options.items():
        with mock.patch.multiple(module, **values):
            started = time.process_time()
            job_module.make_view(*arguments(folder))
            yield name, sizes(folder), time.process_time() - started


def main(repetitions: int) -> None:
    """Measure and print tables."""
    hu = real_ct()
    source = "made up" if hu is None else "real (LIDC-IDRI-0001)"
    hu = made_up_ct() if hu is None else hu
    with tempfile.TemporaryDirectory(prefix="rightreason-size-") as name:
        folders = {crop: Path(name, crop) for crop in ("all", "body", "lungs")}
        for crop, folder in folders.items():
            write_case(folder, crop, hu)
        runs: dict[str, list[Fields]] = {task: [] for task in ("job", "read_only")}
        for _ in range(repetitions):
            for task, found in runs.items():
                found.append(measure(task, folders["all"]))
        for folder in list(folders.values())[1:]:
            measure("job", folder)
        print(f"CT: {source}, {hu.shape}; 3 models, {len(METHODS)} methods, 4 raters\n")
        report_times(runs)
        report_sizes({crop: sizes(folder) for crop, folder in folders.items()})
        report_choices(list(choices(folders["all"])))


def report_times(runs: Mapping[str, list[Fields]]) -> None:
    """Print what a job costs, part by part."""
    import statistics

    def middle(task: str, key: str) -> float:
        return statistics.median(run[key] for run in runs[task])

    own, base = middle("job", "cpu"), middle("read_only", "cpu")
    print("| one job, everything seen | CPU, s | share |\n|---|---|---|")
    for part in runs["job"][0]["parts"]:
        cost = statistics.median(run["parts"][part] for run in runs["job"])
        print(f"| {part} | {cost:.2f} | {cost / own:.0%} |")
    print(f"| **whole process** | {own:.2f} | {'met' if own <= AIM_S else 'missed'}: {AIM_S:g} s |")
    spread = [run["cpu"] for run in runs["job"]]
    print(
        f"\nrange {min(spread):.2f} to {max(spread):.2f} s; wall clock {middle('job', 'wall'):.2f} "
        f"s; peak memory {middle('job', 'mb'):.0f} MB\na process that only starts and reads the "
        f"same files: {base:.2f} s, the job {own / base:.1f} times as much\n"
    )


def report_sizes(found: Mapping[str, dict[str, float]]) -> None:
    """Print what a case's file weighs under each crop, and what 313 of them do."""
    print("| MB of a case's file | " + " | ".join(found) + " |\n|---|" + "---|" * len(found))
    for part in next(iter(found.values())):
        print(f"| {part} | " + " | ".join(f"{one[part]:.2f}" for one in found.values()) + " |")
    totals = [one["file"] * CASES for one in found.values()]
    cells = [f"{t:.0f} ({'met' if t <= AIM_MB else 'missed'}: {AIM_MB:g})" for t in totals]
    print(f"| **{CASES} cases** | " + " | ".join(cells) + " |\n")


def report_choices(found: list[tuple[str, dict[str, float], float]]) -> None:
    """Print what other choices would weigh, everything seen."""
    own = found[0][1]["file"]
    print(f"| choice, everything seen | CT, MB | maps, MB | {CASES} cases, MB | of the choice made "
          "| CPU, s |\n|---|---|---|---|---|---|")  # fmt: skip
    for name, size, seconds in found:
        maps = sum(mb for part, mb in size.items() if part.startswith("maps"))
        print(
            f"| {name} | {size['CT']:.2f} | {maps:.2f} | {size['file'] * CASES:.0f} "
            f"| {size['file'] / own:.2f} | {seconds:.2f} |"
        )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        {"job": job, "read_only": read_only}[sys.argv[1]](Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS)
