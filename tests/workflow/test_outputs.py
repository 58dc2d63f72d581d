"""Outputs are whole or not there: on a full disk, after a kill, after an edit by hand."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runs import Job, checkout, due, finish, jobs_in, snakemake
from tests.workflow.conftest import SHARDED, SMALL, TABLES

# More than fit on the small disk.
SOME = ("A01", "A02", "A03", "A04", "A05")
CONVERT = (*(f"results/convert/{case}.nii.gz" for case in SOME), *SMALL, *TABLES)
ONE = ("results/annotate/A01", *SMALL, *TABLES)
SENTENCE = re.compile(
    r"rightreason: results/(\.made/)?convert/(?P<case>\w+)\.[a-z.]+ could not be written: "
    r"No space left on device\. The file system at (?P<mount>\S+) has 0\.\d MB free of 0\.3 MB "
    r"now\. Make space there, and run again"
)
# In every Python of the run: the one that is to write such a file, once there are so many whole
# ones beside it, kills itself (or, as process 0, its whole run) when half is written.
KILLER = """
import os, signal
def fsync(handle, real=os.fsync):
    path = os.readlink(f"/proc/self/fd/{{handle}}")
    folder = os.path.dirname(path)
    if {part!r} in path and sum(name[0] != "." for name in os.listdir(folder)) >= {whole}:
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill({process}, signal.SIGKILL)
    real(handle)
os.fsync = fsync
"""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the embedded cohort as a study from outside, and nothing made."""
    folder = checkout(tmp_path_factory.mktemp("outputs") / "checkout")
    finish(folder, "results/demo/cases.tsv", *SMALL)
    (folder / "results" / "demo").rename(folder / "study")
    return folder


@pytest.fixture
def folder(embedded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(embedded, tmp_path / "checkout", symlinks=True))


def mount(place: Path, kilobytes: int) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_results(folder: Path) -> Iterator[Path]:
    """A checkout whose results lie on a disk that is full after a few cases."""
    if shutil.which("mount") is None:
        pytest.skip("there is no `mount` here")
    results = folder / "results"
    mount(results, 300)
    yield folder
    subprocess.run(["umount", "--lazy", str(results)], check=True)


def cases(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in (folder / "results" / "convert").glob("*.nii.gz")}


def hidden(folder: Path) -> list[Path]:
    return [path for path in (folder / "results").rglob(".*") if path.is_file()]


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, hidden files too, by its name."""
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--silent", "verify", f"PYTHON={sys.executable}"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip


@contextmanager
def killer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, part: str, whole: int = 0, run: bool = False
) -> Iterator[None]:
    """Let a job die amid a file: alone, or with its run."""
    (folder / "killer").mkdir()
    process = "0" if run else "os.getpid()"
    text = KILLER.format(part=part, whole=whole, process=process)
    (folder / "killer" / "sitecustomize.py").write_text(text)
    with monkeypatch.context() as context:
        context.setenv("PYTHONPATH", str(folder / "killer"))
        yield


def test_a_full_disk_is_a_sentence_and_after_space_is_made_the_run_goes_on(
    small_results: Path,
) -> None:
    folder = small_results
    result = snakemake(folder, *CONVERT)
    assert result.returncode != 0
    told = {match["case"]: match["mount"] for match in SENTENCE.finditer(result.stdout)}
    assert told
    assert set(told.values()) == {str(folder / "results")}
    assert "Traceback" not in result.stdout
    made = cases(folder)
    assert made
    assert not made & set(told)
    assert hidden(folder) == []
    for case in told:
        assert SENTENCE.search("rightreason: " + (folder / f"logs/convert/{case}.log").read_text()
                               .split(" ", 2)[2])  # fmt: skip
    assert verify(folder).returncode == 0
    subprocess.run(["mount", "-o", "remount,size=20m", str(folder / "results")], check=True)
    ran = jobs_in(finish(folder, *CONVERT))
    assert ran == {("convert", f"case={case}") for case in set(SOME) - made}
    assert cases(folder) == set(SOME)
    assert f"All {2 * len(SOME)} files" in verify(folder).stdout


def test_a_full_disk_for_temporary_files_is_no_fault_of_the_case(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount(small, 40)
    try:
        monkeypatch.setenv("TMPDIR", str(small))
        result = snakemake(folder, "results/convert/A01.nii.gz", *SMALL, *TABLES)
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)
    assert result.returncode != 0
    assert "could not be written: No space left on device" in result.stdout
    assert f"The file system at {small} has" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_job_killed_while_writing_leaves_nothing_that_is_taken_for_whole(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killer(tmp_path, monkeypatch, "/.A01.nii.gz."):
        result = snakemake(folder, *CONVERT)
    assert result.returncode != 0
    assert cases(folder) == set(SOME) - {"A01"}
    (left,) = [path for path in hidden(folder) if path.name.startswith(".A01")]
    assert left.stat().st_size > 0
    assert f"results/convert/{left.name}" in verify(folder).stdout
    assert jobs_in(finish(folder, *CONVERT)) == {("convert", "case=A01")}
    assert verify(folder).returncode == 0


@pytest.mark.parametrize("run", [False, True], ids=["job", "run"])
@pytest.mark.parametrize(
    ("output", "job"),
    [
        ("annotate/A01", ("annotate", "case=A01")),
        (
            "saliency/small/integrated_gradients/shard0",
            ("saliency", "model=small, method=integrated_gradients, shard=shard0"),
        ),
    ],
    ids=["annotate", "saliency"],
)
def test_a_folder_half_of_which_was_made_is_not_taken_for_whole(
    shards_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    job: Job,
    run: bool,
) -> None:
    """The job is killed amid its second file; or Snakemake as well, which then deletes nothing."""
    made = shards_run / "results" / output
    whole = files(made)
    assert len(whole) > 2
    shutil.rmtree(made)
    (shards_run / "results" / ".made" / f"{output}.tsv").unlink()
    targets = (f"results/{output}", *SHARDED, *TABLES)
    with killer(tmp_path, monkeypatch, f"/results/{output}/.", whole=1, run=run):
        killed = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *targets],
            cwd=shards_run, start_new_session=True, capture_output=True,
        )  # fmt: skip
    assert (killed.returncode == -signal.SIGKILL) == run
    assert killed.returncode != 0
    left = files(made)
    shown = {name for name in left if not name.startswith(".")}
    assert bool(shown) == run
    assert shown < set(whole)
    assert {name: left[name] for name in shown} == {name: whole[name] for name in shown}
    assert not (shards_run / "results" / ".made" / f"{output}.tsv").exists()
    if run:
        finish(shards_run, "--unlock", *targets)
    assert due(shards_run, *targets) == {job}
    assert jobs_in(finish(shards_run, *targets)) == {job}
    assert files(made) == whole
    assert due(shards_run, *targets) == set()
    assert verify(shards_run).returncode == 0


def test_a_changed_output_is_refused_and_made_anew_once_it_is_deleted(folder: Path) -> None:
    finish(folder, "results/convert/A01.nii.gz", *SMALL, *TABLES)
    volume = folder / "results/convert/A01.nii.gz"
    whole, before = volume.read_bytes(), volume.stat()
    volume.write_bytes(whole[: len(whole) // 2])
    os.utime(volume, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = snakemake(folder, *ONE)
    assert result.returncode != 0
    sentence = f"results/convert/A01.nii.gz is truncated: {len(whole) // 2} of {len(whole)} bytes"
    assert sentence in result.stdout
    assert "Traceback" not in result.stdout
    assert not (folder / ONE[0]).exists()
    found = verify(folder)
    assert found.returncode != 0
    assert sentence in found.stderr
    command = re.search(r"rm -rf .*$", result.stdout, flags=re.MULTILINE)
    assert command
    subprocess.run(shlex.split(command[0]), cwd=folder, check=True)
    assert jobs_in(finish(folder, *ONE)) == {
        ("convert", "case=A01"), ("annotate", "case=A01"),
    }  # fmt: skip
    assert volume.read_bytes() == whole
    assert verify(folder).returncode == 0


def test_an_output_that_nothing_waits_for_is_made_anew_when_named(
    folder: Path, tmp_path: Path
) -> None:
    """What `make verify` says of it is true; and in a study that was moved."""
    finish(folder, *ONE)
    folder = folder.rename(tmp_path / "moved")
    assert verify(folder).returncode == 0
    volume = folder / "results/convert/A01.nii.gz"
    whole = volume.read_bytes()
    volume.unlink()
    assert due(folder, *ONE) == set()
    found = verify(folder).stderr
    assert "results/convert/A01.nii.gz is missing" in found
    assert "makes a file that was deleted only when told to" in found
    assert jobs_in(finish(folder, "results/convert/A01.nii.gz", *SMALL, *TABLES)) == {
        ("convert", "case=A01")
    }
    assert volume.read_bytes() == whole
    assert verify(folder).returncode == 0
