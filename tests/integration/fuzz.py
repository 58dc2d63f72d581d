"""Real series and annotations, damaged at random: a proved result or a sentence, nothing else.

`make fuzz N=2000` damages N inputs and prints how they ended. Each runs in a forked process of its
own under RLIMIT_AS, set to what the process has mapped after its imports plus 2 GB (dcm2niix
inherits the limit), and is killed after 60 s. A failure is printed with the number that repeats it:
`python tests/integration/fuzz.py --only NUMBER`.

A run is good when it ends
- in a volume equal to the undamaged one, or to what other decoders read from the damaged files,
  slice by slice and at the places that their headers give (`tests/integration/fuzz_truth.py`); or
- in one `InputError` that leaves nothing behind: no output, no temporary file;
and when neither sentence, record nor warning holds the patient's name or id.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow" / "scripts")]

from rightreason.annotate import annotate_case  # noqa: E402
from rightreason.config_sections import Annotate, Convert  # noqa: E402
from rightreason.convert import convert_case  # noqa: E402
from rightreason.errors import InputError  # noqa: E402

from tests.integration.fuzz_damage import Damage, apply  # noqa: E402
from tests.integration.fuzz_inputs import RATER, SECRETS, Source, build_sources  # noqa: E402
from tests.integration.fuzz_truth import check_masks, check_volume  # noqa: E402

LIMIT_S = 60
LIMIT_BYTES = 2 << 30
ANNOTATION_SHARE = 0.35
FORK = multiprocessing.get_context("fork")
POLICIES = (
    {},
    {"gap": "interpolate", "uneven_spacing": "resample", "tilt": "correct",
     "repeated_position": "first"},
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One input: what is damaged, and how.

    Attributes
    ----------
    source : str
        Name of the series.
    annotation : int or None
        Which annotation of the source is damaged; None: the series is.
    damages : tuple of Damage
        Applied one after the other.
    policies : int
        Which of `POLICIES`.
    """

    source: str
    annotation: int | None
    damages: tuple[Damage, ...]
    policies: int


class Watch:
    """What a trial's process shows beside its result: warnings, and the memory it takes."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.peak_mb = 0.0
        self._before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def look(self) -> None:
        """Note the most memory so far: beyond the imports, or of dcm2niix."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self._before
        child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.peak_mb = max(own, child) / 1024


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: in `refused`, `same`, `proved`, or, a failure, anything else."""

    ending: str
    detail: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0

    @property
    def good(self) -> bool:
        return self.ending in ("refused", "same", "proved")


def random_trial(number: int, sources: dict[str, Source]) -> Trial:
    """Return trial number `number`: always the same one."""
    chance = random.Random(f"rightreason {number}")
    of_annotation = chance.random() < ANNOTATION_SHARE
    names = [name for name in sorted(sources) if sources[name].annotations or not of_annotation]
    source = sources[chance.choice(names)]
    annotation = chance.randrange(len(source.annotations)) if of_annotation else None
    count = chance.choice((1, 1, 1, 2, 4))
    damages = tuple(Damage.random(chance, annotation is not None) for _ in range(count))
    return Trial(source.name, annotation, damages, chance.randrange(len(POLICIES)))


def run(trial: Trial, sources: dict[str, Source], folder: Path) -> Outcome:
    """Run one trial in a process of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ours, theirs = FORK.Pipe(duplex=False)
    started = time.monotonic()
    child = FORK.Process(target=_child, args=(trial, sources, folder, theirs))
    child.start()
    theirs.close()
    try:
        ending, detail, peak = ours.recv() if ours.poll(LIMIT_S) else ("hang", "", 0.0)
    except EOFError:
        ending, detail, peak = "died", "", 0.0
    if ending in ("hang", "died"):
        with suppress(ProcessLookupError):
            os.killpg(child.pid or 0, signal.SIGKILL)
    child.join()
    if ending == "died":
        detail = f"exit code {child.exitcode}"
    return Outcome(ending, detail, time.monotonic() - started, peak)


def _child(trial: Trial, sources: dict[str, Source], folder: Path, pipe: Any) -> None:
    os.setsid()
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + LIMIT_BYTES, mapped + LIMIT_BYTES))
    watch = Watch()
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_: watch.warnings.append(str(message))
    try:
        ending, detail = _attempt(trial, sources, folder, watch)
    except MemoryError:
        ending, detail = "memory", traceback.format_exc()
    except BaseException:
        ending, detail = "traceback", traceback.format_exc()
    pipe.send((ending, detail, watch.peak_mb))
    pipe.close()
    os._exit(0)


def _attempt(
    trial: Trial, sources: dict[str, Source], folder: Path, watch: Watch
) -> tuple[str, str]:
    source = sources[trial.source]
    inputs, out = folder / "in", folder / "out"
    for new in (inputs, out, folder / "tmp"):
        new.mkdir()
    tempfile.tempdir = str(folder / "tmp")
    if trial.annotation is None:
        for file in source.files:
            shutil.copyfile(file, inputs / file.name)
        others = sources[sorted(sources)[len(trial.damages) % len(sources)]].files
        for damage in trial.damages:
            apply(damage, inputs, others)
        ending, detail = _convert(trial, source, inputs, out, watch)
        if ending in ("same", "proved") and source.annotations:
            second, text = _annotate(source, source.annotations[0].file, 0, out, watch, whole=False)
            ending, detail = (ending, detail) if second != "wrong" else (second, text)
    else:
        original = source.annotations[trial.annotation].file
        shutil.copyfile(original, inputs / original.name)
        for damage in trial.damages:
            apply(damage, inputs, [a.file for a in source.annotations])
        for name in ("ct.nii.gz", "ct.json"):
            shutil.copyfile(source.out / name, out / name)
        damaged = next(iter(sorted(inputs.iterdir())), inputs / original.name)
        ending, detail = _annotate(source, damaged, trial.annotation, out, watch, whole=True)
    if list((folder / "tmp").iterdir()):
        return "left behind", f"{[p.name for p in (folder / 'tmp').iterdir()]} after: {detail}"
    return ending, detail


def _convert(
    trial: Trial, source: Source, inputs: Path, out: Path, watch: Watch
) -> tuple[str, str]:
    volume, record = out / "ct.nii.gz", out / "ct.json"
    settings = {**Convert().model_dump(), **POLICIES[trial.policies]}
    files = [path for path in inputs.iterdir() if not path.name.startswith(".")]
    image = files[0] if source.single_file and len(files) == 1 else inputs
    try:
        convert_case("a", image, source.series, volume, record, settings)
    except InputError as error:
        return _refusal(str(error), out, [], watch)
    finally:
        watch.look()
    leak = _leak("\n".join([record.read_text(), *watch.warnings]))
    return ("leak", leak) if leak else check_volume(source, image, volume, record)


def _annotate(
    source: Source, file: Path, number: int, out: Path, watch: Watch, whole: bool
) -> tuple[str, str]:
    rows = [{"rater": RATER, "file": str(file), "roi": source.annotations[number].roi}]
    settings = {**Annotate().model_dump(), "outside": "clip"}
    try:
        annotate_case("a", out / "ct.nii.gz", out / "ct.json", rows, out / "masks", settings)
    except InputError as error:
        return _refusal(str(error), out, ["ct.json", "ct.nii.gz"], watch)
    finally:
        # After a conversion, the most memory so far may be that of its check.
        if whole:
            watch.look()
    leak = _leak("\n".join(watch.warnings))
    if leak:
        return "leak", leak
    return check_masks(source, number, file, out) if whole else ("proved", "")


def _refusal(message: str, out: Path, expected: list[str], watch: Watch) -> tuple[str, str]:
    left = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    if left != expected:
        return "left behind", f"{left} after: {message}"
    if not message.startswith("Case a") or "Traceback" in message or len(message) > 6000:
        return "no sentence", message
    leak = _leak("\n".join([message, *watch.warnings]))
    return ("leak", leak) if leak else ("refused", message)


def _leak(text: str) -> str:
    found = [secret for secret in SECRETS if secret.lower() in text.lower()]
    return f"{found} in: {text}" if found else ""


def prepare(real_ct: Path, folder: Path) -> dict[str, Source]:
    """Lay out the undamaged inputs and convert them once.

    Raises
    ------
    RuntimeError
        When an undamaged input does not pass.
    """
    sources = build_sources(real_ct, folder)
    for source in sources.values():
        source.out.mkdir(parents=True)
        image = source.files[0] if source.single_file else source.folder
        volume, record = source.out / "ct.nii.gz", source.out / "ct.json"
        convert_case("a", image, source.series, volume, record, Convert().model_dump())
        ending, detail = check_volume(source, image, volume, record)
        if ending != "same":
            raise RuntimeError(f"undamaged {source.name}: {ending} {detail}")
        for number, annotation in enumerate(source.annotations):
            ending, detail = _annotate(source, annotation.file, number, source.out, Watch(), False)
            if ending != "proved":
                raise RuntimeError(f"undamaged {annotation.file.name}: {ending} {detail}")
            (source.out / "masks" / f"{RATER}.nii.gz").rename(source.out / f"mask{number}.nii.gz")
            shutil.rmtree(source.out / "masks")
    return sources


def _shard(numbers: range, sources: dict[str, Source], folder: Path, pipe: Any) -> None:
    for number in numbers:
        trial = random_trial(number, sources)
        outcome = run(trial, sources, folder)
        pipe.send((number, trial, outcome))
    pipe.send(None)


def campaign(
    numbers: range, sources: dict[str, Source], folder: Path, jobs: int
) -> list[tuple[int, Trial, Outcome]]:
    """Run trials, several at a time; print each failure as it comes."""
    pipes = []
    for job in range(jobs):
        ours, theirs = FORK.Pipe(duplex=False)
        arguments = (numbers[job::jobs], sources, folder / f"job{job}", theirs)
        FORK.Process(target=_shard, args=arguments).start()
        theirs.close()
        pipes.append(ours)
    results = []
    while pipes:
        for pipe in multiprocessing.connection.wait(pipes):
            message = pipe.recv()
            if message is None:
                pipes.remove(pipe)
                continue
            results.append(message)
            number, trial, outcome = message
            if not outcome.good:
                print(f"\n{number}: {outcome.ending}\n{trial}\n{outcome.detail}", flush=True)
    return sorted(results, key=lambda result: result[0])


def describe(results: list[tuple[int, Trial, Outcome]]) -> str:
    """Return a table: kind of input by how it ended; then time and memory."""
    counts: Counter[tuple[str, str]] = Counter()
    for _, trial, outcome in results:
        what = "series" if trial.annotation is None else "annotation"
        counts[f"{trial.source}, {what}", outcome.ending] += 1
        for damage in trial.damages:
            counts[f"damage: {damage.kind}", outcome.ending] += 1
    endings = sorted({ending for _, ending in counts}, key=("refused", "same", "proved").count)
    lines = ["| input | tried | " + " | ".join(endings) + " |", "|---" * (len(endings) + 2) + "|"]
    for name in sorted({name for name, _ in counts}):
        row = [counts[name, ending] for ending in endings]
        lines.append(f"| {name} | {sum(row)} | " + " | ".join(map(str, row)) + " |")
    slowest = max(results, key=lambda result: result[2].seconds)
    largest = max(results, key=lambda result: result[2].peak_mb)
    lines.append(
        f"\n{len(results)} inputs, {sum(not o.good for _, _, o in results)} failures; longest "
        f"{slowest[2].seconds:.1f} s ({slowest[0]}), most memory beyond the imports "
        f"{largest[2].peak_mb:.0f} MB ({largest[0]})"
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Damaged inputs for convert and annotate.")
    parser.add_argument("inputs", nargs="?", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", type=int, help="repeat one input and keep its folder")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--real-ct", type=Path, default=Path.home() / ".cache" / "real-ct")
    arguments = parser.parse_args()
    real_ct = Path(os.environ.get("RIGHTREASON_REAL_CT", arguments.real_ct))
    if not (real_ct / "sts").is_dir():
        sys.exit(f"No real CT in {real_ct}; name its folder in RIGHTREASON_REAL_CT.")
    with tempfile.TemporaryDirectory(prefix="rightreason-fuzz-") as name:
        sources = prepare(real_ct, Path(name) / "sources")
        if arguments.only is not None:
            folder = Path(tempfile.gettempdir()) / f"fuzz-{arguments.only}"
            trial = random_trial(arguments.only, sources)
            outcome = run(trial, sources, folder)
            print(f"{trial}\n{outcome.ending}: {outcome.detail}\nin {folder}")
            sys.exit(not outcome.good)
        numbers = range(arguments.first, arguments.first + arguments.inputs)
        results = campaign(numbers, sources, Path(name), arguments.jobs)
    print(describe(results))
    sys.exit(any(not outcome.good for _, _, outcome in results))


if __name__ == "__main__":
    main()
