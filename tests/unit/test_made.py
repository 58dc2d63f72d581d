"""Outputs that are not as they were made are refused; those that are pass, moved or copied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rightreason import made, made_records
from rightreason.digest import SCRIPTS
from rightreason.errors import InputError

FILES = {
    "convert/a.nii.gz": b"0123456789",
    "convert/a.json": b"{}",
    "annotate/a/votes.nii.gz": b"v",
    "annotate/a/r1.nii.gz": b"r",
    "annotate/a/.snakemake_timestamp": b"",
}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results, and a record that is old enough to be relied on."""
    monkeypatch.setattr(made, "SETTLED_NS", -1)
    folder = tmp_path / "results"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    made.record([folder / "convert/a.nii.gz", folder / "convert/a.json"], folder)
    made.record([folder / "annotate/a"], folder)
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was read for its digest, as it happens, by a process that has read nothing yet."""
    paths: list[Path] = []
    real = made_records.sha256_of

    def counted(path: Path) -> str:
        paths.append(path)
        return real(path)

    monkeypatch.setattr(made, "sha256_of", counted)
    another_process(monkeypatch)
    return paths


def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "_SEEN", set())
    made_records.read_record.cache_clear()


def refusal(results: Path, *names: str) -> str:
    with pytest.raises(made.ChangedError) as caught:
        made.check([results / name for name in names], results)
    return str(caught.value)


def test_what_is_as_it_was_made_passes_without_being_read(results: Path, read: list[Path]) -> None:
    made.check([results / "convert/a.nii.gz", results / "annotate/a"], results)
    assert read == []


def test_a_record_says_what_was_made(results: Path) -> None:
    head, line, last = (results / ".made/convert/a.tsv").read_text().splitlines()
    assert head.split("\t") == ["path", "bytes", "mtime_ns", "ctime_ns", "inode", "sha256"]
    stat = (results / "convert/a.json").stat()
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # sha256sum
    numbers = [2, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    assert line.split("\t") == ["convert/a.json", *map(str, numbers), digest]
    assert last.startswith("convert/a.nii.gz\t10\t")
    assert sorted(
        line.split("\t")[0] for line in (results / ".made/annotate/a.tsv").read_text().splitlines()
    ) == ["annotate/a/r1.nii.gz", "annotate/a/votes.nii.gz", "path"]


def test_every_wrong_output_is_named_with_what_to_do(results: Path) -> None:
    (results / "convert/a.nii.gz").write_bytes(b"012")
    (results / "convert/a.json").unlink()
    (results / "annotate/a/r1.nii.gz").write_bytes(b"s")
    (results / "annotate/a/r2.nii.gz").write_bytes(b"new")
    said = refusal(results, "convert/a.nii.gz", "convert/a.json", "annotate/a")
    lines = said.splitlines()
    assert lines[0] == "Outputs are not as they were made:"
    assert lines[1:3] == [
        f"  - {results}/convert/a.nii.gz is truncated: 3 of 10 bytes",
        f"  - {results}/convert/a.json is missing",
    ]
    assert re.fullmatch(
        rf"  - {results}/annotate/a/r1.nii.gz has other bytes than when it was made, on "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
        lines[3],
    )
    assert lines[4] == f"  - {results}/annotate/a/r2.nii.gz has no record of how it was made"
    # A folder is made by one job, as a whole; what nobody made goes alone.
    outputs = ("annotate/a", "annotate/a/r2.nii.gz", "convert/a.json", "convert/a.nii.gz")
    assert lines[5].endswith(" ".join(["rm -rf", *(f"{results}/{name}" for name in outputs)]))
    assert len(lines) == 6


def test_what_grew_is_named(results: Path) -> None:
    (results / "convert/a.json").write_bytes(b"{ }")
    assert "has 3 bytes, and had 2 when it was made" in refusal(results, "convert/a.json")


def test_new_bytes_under_old_times_are_seen(results: Path) -> None:
    path = results / "convert/a.nii.gz"
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"9")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert "other bytes" in refusal(results, "convert/a.nii.gz")


def test_a_file_in_a_recorded_folder_is_found_there(results: Path, read: list[Path]) -> None:
    made.check([results / "annotate/a/votes.nii.gz"], results)
    assert read == []
    (results / "annotate/a/votes.nii.gz").write_bytes(b"")
    assert "votes.nii.gz is truncated: 0 of 1 bytes" in refusal(results, "annotate/a/votes.nii.gz")
    assert "rm -rf" in refusal(results, "annotate/a/votes.nii.gz")


def test_a_folder_that_no_one_job_made_means_all_recorded_below_it(results: Path) -> None:
    made.check([results / "convert"], results)
    (results / "convert/a.json").unlink()
    assert "a.json is missing" in refusal(results, "convert")


def test_a_case_is_not_taken_for_another_whose_name_begins_alike(results: Path) -> None:
    (results / "convert/aa.json").write_bytes(b"{}")
    (results / "convert/a.json.gz").write_bytes(b"{}")
    assert "aa.json has no record" in refusal(results, "convert/aa.json")
    assert "a.json.gz has no record" in refusal(results, "convert/a.json.gz")


@pytest.mark.parametrize("copy", [shutil.copyfile, shutil.copy2, os.rename])
def test_a_study_moved_or_copied_passes_and_is_read_once(
    results: Path, tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch, copy: object
) -> None:
    there = tmp_path / "elsewhere" / "results"
    there.parent.mkdir()
    if copy is os.rename:
        results.rename(there)
    else:
        shutil.copytree(results, there, copy_function=copy)
    paths = [there / "convert/a.nii.gz", there / "annotate/a"]
    made.check(paths, there)
    assert len(read) == (0 if copy is os.rename else 3)
    read.clear()
    another_process(monkeypatch)
    made.check(paths, there)
    assert read == []
    (there / "annotate/a/r1.nii.gz").write_bytes(b"s")
    assert "r1.nii.gz has other bytes" in refusal(there, "annotate/a")


def test_new_times_cost_one_reading(
    results: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake sets new times on outputs after each job."""
    path = results / "convert/a.nii.gz"
    for _ in range(3):
        path.touch()
        for _ in range(2):
            another_process(monkeypatch)
            made.check([path], results)
    assert read == [path] * 3


def test_what_changed_a_moment_ago_is_not_relied_on(
    results: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may change again within the resolution of the file system's clock."""
    monkeypatch.setattr(made, "SETTLED_NS", 3_600_000_000_000)
    path = results / "convert/a.nii.gz"
    path.touch()
    for _ in range(2):
        another_process(monkeypatch)
        made.check([path], results)
    assert read == [path] * 2


def test_what_was_seen_of_an_earlier_output_says_nothing_of_a_new_one(results: Path) -> None:
    path = results / "convert/a.nii.gz"
    path.touch()
    made.check([path], results)
    seen = (results / ".made/convert/a.tsv").read_bytes()
    path.write_bytes(b"9876543210")
    made.record([path, results / "convert/a.json"], results)
    with (results / ".made/convert/a.tsv").open("ab") as file:
        file.write(b"\n" + seen.splitlines()[-1] + b"\n")
    made_records.read_record.cache_clear()
    made.check([path], results)
    path.write_bytes(b"0123456789")
    assert "other bytes" in refusal(results, "convert/a.nii.gz")


def test_a_line_that_was_cut_off_hides_no_other(
    results: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = results / ".made/convert/a.tsv"
    record.write_bytes(record.read_bytes() + b"\nconvert/a.nii.gz\t10\t17")
    path = results / "convert/a.nii.gz"
    path.touch()
    for _ in range(2):
        another_process(monkeypatch)
        made.check([path], results)
    assert read == [path]


def test_a_damaged_record_is_none(results: Path) -> None:
    record = results / ".made/convert/a.tsv"
    record.write_bytes(record.read_bytes()[:-10])
    made_records.read_record.cache_clear()
    made.check([results / "convert/a.json"], results)
    assert "a.nii.gz has no record" in refusal(results, "convert/a.nii.gz")


def test_a_record_that_may_not_be_written_still_serves(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second user may read a finished study."""
    (results / "convert/a.nii.gz").touch()
    before = (results / ".made/convert/a.tsv").read_bytes()
    real = os.open

    def refused(path: object, flags: int, *more: int) -> int:
        if flags & os.O_APPEND:
            raise PermissionError
        return real(path, flags, *more)

    monkeypatch.setattr(os, "open", refused)
    made.check([results / "convert/a.nii.gz"], results)
    assert (results / ".made/convert/a.tsv").read_bytes() == before


def test_what_is_not_ours_is_passed_over(results: Path, tmp_path: Path) -> None:
    (results / "demo").mkdir()
    (results / "demo/cases.tsv").write_text("case")
    (tmp_path / "image.nii.gz").write_text("")
    outside = [results / "demo/cases.tsv", tmp_path / "image.nii.gz"]
    made.record(outside, results)
    made.check(outside, results)
    assert sorted(path.name for path in (results / ".made").rglob("*.tsv")) == ["a.tsv", "a.tsv"]
    assert made.verify(results) == (4, [])


def test_an_empty_folder_is_recorded(results: Path) -> None:
    (results / "saliency/m/shard1").mkdir(parents=True)
    made.record([results / "saliency/m/shard1"], results)
    assert (results / ".made/saliency/m/shard1.tsv").read_text() == made_records.HEAD
    (results / "saliency/m/shard1/x.nii.gz").write_text("x")
    assert "x.nii.gz has no record" in refusal(results, "saliency/m/shard1")


def test_a_path_is_known_however_it_is_written(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results.parent)
    made.check(["results/convert/a.nii.gz", results / "convert/../convert/a.json"])
    Path("results/convert/a.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match=r"results/convert/a\.nii\.gz is truncated"):
        made.check([results / "convert/a.nii.gz"])


def test_the_digest_of_an_output_is_the_recorded_one(results: Path, read: list[Path]) -> None:
    path = results / "convert/a.nii.gz"
    digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"  # sha256sum
    assert made.digest(path, results) == digest
    assert read == []
    path.write_bytes(b"0")
    with pytest.raises(InputError, match="is truncated: 1 of 10 bytes"):
        made.digest(path, results)
    with pytest.raises(InputError, match="has no record"):
        made.digest(results / "convert/b.nii.gz", results)


def test_many_wrong_outputs_are_counted(results: Path) -> None:
    names = [f"convert/b{number:03d}.json" for number in range(50)]
    said = refusal(results, *names)
    assert said.count("is missing") == 20
    assert "and 30 more" in said


def test_verify_reads_all_and_finds_what_has_no_record(results: Path, read: list[Path]) -> None:
    assert made.verify(results) == (4, [])
    assert len(read) == 4
    (results / "convert/a.nii.gz").write_bytes(b"012345678_")
    (results / "convert/b.nii.gz").write_bytes(b"")
    (results / "annotate/a/votes.nii.gz").unlink()
    checked, problems = made.verify(results)
    assert checked == 4
    assert [(problem.path, problem.output) for problem in problems] == [
        (results / "annotate/a/votes.nii.gz", results / "annotate/a"),
        (results / "convert/a.nii.gz", results / "convert/a.nii.gz"),
        (results / "convert/b.nii.gz", results / "convert/b.nii.gz"),
    ]


def test_verify_sees_what_no_time_tells(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that returns other bytes than were written changes no time."""
    path = results / "convert/a.nii.gz"
    record = results / ".made/convert/a.tsv"
    path.write_bytes(b"012345678_")
    stat = "\t".join(map(str, made_records.stat_of(path)))
    old = record.read_text().splitlines()[2].split("\t")
    record.write_text(record.read_text().replace("\t".join(old[1:5]), stat))
    another_process(monkeypatch)
    made.check([path], results)
    ((problem,),) = [made.verify(results)[1]]
    assert problem.how.startswith("has other bytes")


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rightreason.made"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
    )  # fmt: skip


def test_make_verify(results: Path) -> None:
    good = verify(results.parent)
    assert (good.returncode, good.stdout) == (
        0, "All 4 files below results/ are as they were made.\n",
    )  # fmt: skip
    (results / "convert/.a.nii.gz.x1y2z3_w").write_bytes(bytes(2**20))
    left = verify(results.parent)
    assert left.returncode == 0
    assert "1 file (1.0 MB) of jobs that were killed while writing" in left.stdout
    assert "results/convert/.a.nii.gz.x1y2z3_w" in left.stdout
    (results / "convert/a.json").unlink()
    bad = verify(results.parent)
    assert bad.returncode == 1
    assert "results/convert/a.json is missing" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_no_results_at_all(tmp_path: Path) -> None:
    done = verify(tmp_path)
    assert (done.returncode, done.stdout) == (0, "There are no results to verify.\n")
