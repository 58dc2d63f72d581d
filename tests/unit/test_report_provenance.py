"""The panel on what made a study, from files made by hand."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rightreason import machine
from rightreason import provenance_data as data
from rightreason.report_blocks import Details, Table, Text
from rightreason.report_provenance import provenance, repeat
from rightreason.sentences import NBSP

from tests.unit.report_fakes import fake_config

CASES = {c: {"patient": f"p{c}", "site": "A", "label": "other"} for c in ("c1", "c2")}


@pytest.fixture
def study(tmp_path: Path) -> Any:
    """Two cases, two models and five folds; nothing on disk but the tables of summary."""
    results = tmp_path / "results"
    write(results / "summary/overlap.tsv", "a\n1\n")
    write(results / "summary/gone.tsv", "a\n1\n")
    config = fake_config()
    return SimpleNamespace(
        config=config, cases=CASES, models=list(config["models"]), results=results
    )


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def benchmark(study: Any, name: str, seconds: object, peak: object = 10) -> None:
    path = study.results.parent / f"logs/{name}.benchmark.tsv"
    write(path, f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{peak}\n")


def record(study: Any, network: str, **other: Any) -> None:
    path = study.results / "train" / network / "record.json"
    given = {"device": "cpu", "seed": 0, "versions": {"python": "3.12.1", "torch": "2.13.0"}}
    write(path, json.dumps(given | other))


def table(study: Any, column: str) -> dict[str, list[str]]:
    """Return the rows of the table that has a column of this name, by their first cells."""
    found = [b for b in provenance(study) if isinstance(b, Table) and column in b.columns]
    assert len(found) == 1
    return {row[0]: list(row[1:]) for row in found[0].rows}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_times_are_added_up_per_stage(study: Any) -> None:
    for name, seconds, peak in (
        ("convert/c1", 2.5, 100.4), ("convert/c2", 4, 90), ("convert/gone", 1000, 9000),
        ("train/planar/seed0/fold0", 3600, 2000), ("train/planar/seed0/fold9", 9, 9),
        ("saliency/planar/cam.methods/shard0", 10, "NA"), ("saliency/planar/ig/shard0", 20, "-"),
        ("saliency/planar/gone/shard0", 99, 9), ("saliency/planar/ig/shard7", 99, 9),
        ("trust/planar/ig", 12, 300), ("trust/planar.findings", 3, 200), ("trust/gone/ig", 9, 9),
        ("report/c1.view", 1.5, 50), ("report/report", 77, 9),
    ):  # fmt: skip
        benchmark(study, name, seconds, peak)
    assert table(study, "Longest") == {
        "convert": ["2", f"6.5{NBSP}s", f"4.0{NBSP}s", f"100{NBSP}MB"],
        "train": ["1", f"60{NBSP}min", f"60{NBSP}min", f"2000{NBSP}MB"],
        "saliency": ["2", f"30{NBSP}s", f"20{NBSP}s", "–"],
        "trust": ["2", f"15{NBSP}s", f"12{NBSP}s", f"300{NBSP}MB"],
        "make_view": ["1", f"1.5{NBSP}s", f"1.5{NBSP}s", f"50{NBSP}MB"],
    }


def test_stages_without_times_are_named(study: Any) -> None:
    benchmark(study, "convert/c1", 1)
    benchmark(study, "predict/planar/shard0", "NA")
    last = provenance(study)[-1]
    assert isinstance(last, Text)
    assert last.paragraphs[0].startswith(
        "No times are known of annotate, prepare, train, predict, saliency, overlap and summary: "
    )


def test_nothing_is_there(study: Any) -> None:
    blocks = provenance(study)
    assert not [b for b in blocks if isinstance(b, Table) and "Longest" in b.columns]
    assert table(study, "Seed")["Trainings"] == ["0"]
    assert table(study, "In training")["torch"][-1] == "–"
    assert list(table(study, "Cores")) == ["This page"]
    assert table(study, "Digest")["Weights of model planar"] == ["–"]


def test_seeds(study: Any) -> None:
    study.config["train"] = {"folds": 2, "seeds": 3, "seed": 7}
    study.config["summary"]["seed"] = 11
    seeds = table(study, "Seed")
    assert seeds["Folds, and the patients held out to stop training"] == ["7"]
    assert seeds["Trainings"] == ["7, 8, 9"]
    assert seeds["Bootstrap and permutations"] == ["11"]
    assert "Embedded cohort" not in seeds


def test_the_seed_of_the_embedded_cohort_where_it_is_the_study(study: Any) -> None:
    study.config["demo"] = {"seed": 5}
    cases = write(study.results / "demo/cases.tsv", "case\timage\nc1\tx\nc2\tx\n")
    assert table(study, "Seed")["Embedded cohort"] == ["5"]
    cases.write_text("case\timage\nA01\tx\n")
    assert "Embedded cohort" not in table(study, "Seed")


def test_versions_of_training_that_differ_are_counted(study: Any) -> None:
    for fold in range(3):
        record(study, f"planar/seed0/fold{fold}")
    record(study, "block/seed0/fold0", versions={"python": "3.12.1", "torch": "2.12.0"})
    record(study, "block/seed0/fold7", versions={"python": "2.7"})  # No fold of this study.
    versions = table(study, "In training")
    assert versions["Python"][-1] == "3.12.1"
    assert versions["torch"][-1] == "2.12.0 (1 network) and 2.13.0 (3 networks)"
    assert versions["rightreason"][1] == data.own_version() != ""
    assert versions["numpy"][1] == data.installed("numpy") != ""


def test_hardware_of_training(study: Any) -> None:
    cpu = {"processor": "Some CPU", "cores": 8}
    record(study, "planar/seed0/fold0", hardware=cpu)
    record(study, "planar/seed0/fold1", hardware=cpu)
    record(study, "planar/seed0/fold2", hardware=cpu, device="Some GPU")
    record(study, "block/seed0/fold0")
    rows = next(b for b in provenance(study) if isinstance(b, Table) and "Cores" in b.columns).rows
    assert [row[:3] for row in rows[:3]] == [
        ["Training of 2 networks", "Some CPU", "8"],
        ["Training of 1 network", "Some GPU; Some CPU", "8"],
        ["Training of 1 network", "a CPU", "–"],
    ]
    assert rows[3][:3] == ["This page", machine.processor(), str(machine.cores())]


def test_digests_are_those_of_sha256sum(study: Any) -> None:
    for fold in (1, 0):
        write(study.results / f"train/planar/seed0/fold{fold}/weights.ckpt", f"w{fold}")
    write(study.results / "train/planar/seed0/fold9/weights.ckpt", "of another study")
    for case in ("c2", "c1", "gone"):
        write(study.results / f"convert/{case}.json", case)
    digests = table(study, "Digest")
    printed = "".join(f"{sha(f'w{k}')}  train/planar/seed0/fold{k}/weights.ckpt\n" for k in (0, 1))
    assert digests["Weights of model planar"] == [sha(printed)[:16]]
    printed = "".join(f"{sha(c)}  convert/{c}.json\n" for c in ("c1", "c2"))
    [of_cts] = [row for name, row in digests.items() if name.startswith("CT:")]
    assert of_cts == [sha(printed)[:16]]
    assert digests["summary/overlap.tsv"] == [sha("a\n1\n")[:16]]
    assert "summary/gone.tsv" not in digests
    [of_config] = [row for name, row in digests.items() if name.startswith("Config,")]
    assert of_config == [data.of_values(study.config)[:16]]
    [single] = [b for b in provenance(study) if isinstance(b, Details)]
    assert isinstance(single.blocks[0], Table)
    assert single.blocks[0].rows[0] == ["train/planar/seed0/fold0/weights.ckpt", sha("w0")]


def test_the_order_of_keys_is_no_part_of_a_digest() -> None:
    assert data.of_values({"a": 1, "b": {"c": 2, "d": 3}}) == data.of_values(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )
    assert data.of_values({"a": 1}) != data.of_values({"a": 2})


def test_code_of_every_stage_that_is_there(study: Any) -> None:
    digests = table(study, "Digest")
    assert digests["Code of the stage train"] == [data.code_digest("train").partition(":")[2]]
    assert digests["Code of the stage report"][0] != digests["Code of the stage train"][0]


def test_versions_off_the_lock_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = write(tmp_path / "lock", f"numpy=={data.installed('numpy')}\nscipy==0.1\n")
    monkeypatch.setattr(data, "LOCK", lock)
    assert data.off_the_lock(["numpy", "scipy", "not-there"]) == ["scipy"]
    assert repeat().endswith(
        f"Not of the version of the lock here: scipy {data.installed('scipy')}."
    )
    lock.write_text(f"SciPy=={data.installed('scipy')}\n")
    assert repeat().endswith("is of that version.")
    lock.unlink()
    assert repeat().endswith("as far as its operations are deterministic.")


def test_nothing_of_whose_machine_it_is(study: Any) -> None:
    for name in ("c1", "c2"):
        write(study.results / f"convert/{name}.json", "{}")
    text = repr(provenance(study))
    assert platform.node() not in text
    assert getpass.getuser() not in text.split()
    assert str(study.results.parent) not in text
