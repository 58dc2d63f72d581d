"""Where the numbers of a study come from: versions, digests, machines and times, read from disk."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rightreason.digest import SCRIPTS, code_digest
from rightreason.jobs_on_disk import FINDINGS, TOGETHER, VIEW, Job, look, measured, stage_of
from rightreason.layout import by_shard

ROOT = SCRIPTS.parents[1]
LOCK = ROOT / "envs" / "requirements.lock"
DIGITS = 16
"""So many of the 64 digits of a sha256 are shown."""
STAGES = ("demo", "convert", "annotate", "prepare", "train", "predict", "saliency", "trust",
          "overlap", "summary", "make_view", "report")  # fmt: skip
CALLS = ("threshold", "given_threshold")
"""The jobs by which a model has thresholds: the one or the other."""


def own_version() -> str:
    """Return the version of rightreason whose code runs; empty where nothing says."""
    try:
        return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return installed("rightreason")


def installed(package: str) -> str:
    """Return the version of a package in this environment; empty where it is not in it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def locked() -> dict[str, str]:
    """Read the versions of the lock; nothing where it is not there."""
    if not LOCK.is_file():
        return {}
    pins = (line.strip().partition("==") for line in LOCK.read_text().splitlines())
    return {_plain(name): pin for name, _, pin in pins if pin}


def off_the_lock(packages: Iterable[str]) -> list[str]:
    """List the packages here whose version is another than the lock's."""
    lock = locked()
    return [
        name for name in packages
        if installed(name) and lock.get(_plain(name), "") not in ("", installed(name).split("+")[0])
    ]  # fmt: skip


def _plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def networks(config: Mapping[str, Any]) -> list[str]:
    """Name the networks that a study trained: `model/seed{s}/fold{k}`."""
    train = config["train"]
    return [
        f"{model}/seed{seed}/fold{fold}"
        for model, about in config["models"].items()
        if not about.get("trained")
        for seed in range(train["seeds"])
        for fold in range(train["folds"])
    ]


def training_records(results: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read the record of every network that has one."""
    found = {name: results / "train" / name / "record.json" for name in names}
    return {name: json.loads(path.read_text()) for name, path in found.items() if path.is_file()}


def of_networks(records: Mapping[str, Mapping[str, Any]], *keys: str) -> Counter[str]:
    """Count the values that the networks' records have under a path of keys; blank is left out."""
    found: Counter[str] = Counter()
    for record in records.values():
        value: Any = record
        for key in keys:
            value = value.get(key, "") if isinstance(value, Mapping) else ""
        if value != "":
            found[str(value)] += 1
    return found


def short(digest: str) -> str:
    """Return the digits of a digest that are shown."""
    return digest[:DIGITS]


def of_values(values: Any) -> str:
    """Digest plain values, whatever the order of their keys."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def of_file(path: Path) -> str:
    """Digest a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_files(paths: Iterable[Path], folder: Path) -> str:
    """Digest files together: what `sha256sum` says of what it prints of them, sorted by name."""
    names = sorted((path.relative_to(folder).as_posix(), path) for path in paths)
    lines = "".join(f"{of_file(path)}  {name}\n" for name, path in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def code_digests() -> dict[str, str]:
    """Digest the code of every stage that is there, in the order of the stages."""
    here = [stage for stage in STAGES if (SCRIPTS / f"{stage}.py").is_file()]
    here += sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem not in STAGES)
    return {stage: code_digest(stage).partition(":")[2] for stage in here}


@dataclass(frozen=True)
class Took:
    """What the jobs of a stage took.

    Attributes
    ----------
    jobs : int
        Those that have a benchmark.
    seconds, longest : float
        Together, and the longest.
    peak_mb : float
        The most memory that one of them held.
    """

    jobs: int
    seconds: float
    longest: float
    peak_mb: float


def times(logs: Path, cases: Iterable[str], config: Mapping[str, Any]) -> dict[str, Took]:
    """Read the benchmarks of every stage but `report`, whose own ends after the page.

    Parameters
    ----------
    logs : path
        The folder `logs`.
    cases : iterable of str
        Of the study; what is left of other cases, models, methods and networks does not count.
    config : mapping
        The resolved config.
    """
    mine = _jobs(list(cases), config)
    found: dict[str, list[tuple[float, float]]] = {}
    for job in sorted(look(logs).benchmarks):
        stage = stage_of(job)
        took = measured(logs, job) if job in mine or stage not in STAGES else None
        if took:
            found.setdefault(stage, []).append(took)
    return {
        stage: Took(len(jobs), sum(s for s, _ in jobs), max(s for s, _ in jobs),
                    max(mb for _, mb in jobs))
        for stage in (*STAGES, *sorted(set(found) - set(STAGES)))
        if (jobs := found.get(stage))
    }  # fmt: skip


def _jobs(cases: Sequence[str], config: Mapping[str, Any]) -> set[Job]:
    """List the jobs that a study has, or may have."""
    models, methods = config["models"], [*config["saliency"]["methods"], TOGETHER]
    shards = by_shard(cases, config["shards"])
    return {
        ("demo", "demo"), ("summary", "summary"),
        *((stage, case) for stage in ("convert", "annotate", "prepare", "overlap")
          for case in cases),
        *(("report", f"{case}{VIEW}") for case in cases),
        *(("train", name) for name in networks(config)),
        *(("predict", f"{model}/{job}") for model in models for job in (*CALLS, *shards)),
        *(("trust", f"{model}{FINDINGS}") for model in models),
        *(("trust", f"{model}/{method}") for model in models for method in methods),
        *(("saliency", f"{model}/{method}/{shard}")
          for model in models for method in methods for shard in shards),
    }  # fmt: skip
