import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rightreason import contents
from rightreason.contents import ContentDigests
from rightreason.digest import SCRIPTS

LINE = 124


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take files that were just written for old ones."""
    monkeypatch.setattr(contents, "SETTLED_NS", -(10**18))


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, no file may be read again."""

    def forbid() -> None:
        monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))

    return forbid


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest(cache: Path, path: Path | str) -> str:
    """The digest that a new process finds; what is new stands in the cache afterwards."""
    digests = ContentDigests(cache)
    found = digests.of(path)
    digests.keep()
    return found


def lines(cache: Path) -> list[str]:
    return [line for line in cache.read_text().split("\n") if line]


def series(folder: Path, count: int = 5) -> Path:
    (folder / "sub").mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.dcm").write_bytes(b"%d" % number)
    (folder / "sub" / "last.dcm").write_bytes(b"last")
    return folder


def test_a_files_digest_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"bytes")
    assert digest(tmp_path / "cache", tmp_path / "a") == sha256(b"bytes")


def test_a_folders_digest_is_of_names_and_contents_in_one_order(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "b").mkdir(parents=True)
    (folder / "c").write_bytes(b"1")
    (folder / "b" / "a").write_bytes(b"2")
    (folder / ".hidden").write_bytes(b"3")
    expected = sha256(f"c\n{sha256(b'1')}\nb/a\n{sha256(b'2')}\n".encode())
    assert digest(tmp_path / "cache", folder) == expected


def test_times_do_not_count_names_and_bytes_do(tmp_path: Path) -> None:
    folder, cache = series(tmp_path / "f"), tmp_path / "cache"
    first = digest(cache, folder)
    os.utime(folder / "0.dcm", (1, 1))
    assert digest(cache, folder) == first
    (folder / "0.dcm").rename(folder / "9.dcm")
    renamed = digest(cache, folder)
    assert renamed != first
    (folder / "sub" / "last.dcm").write_bytes(b"LAST")
    assert digest(cache, folder) not in (first, renamed)


@pytest.mark.usefixtures("settled")
def test_new_bytes_under_an_old_time_are_seen_through_the_cache(tmp_path: Path) -> None:
    cache, file = tmp_path / "cache", tmp_path / "a"
    file.write_bytes(b"old")
    os.utime(file, (1000, 1000))
    assert digest(cache, file) == sha256(b"old")
    assert len(lines(cache)) == 1
    file.write_bytes(b"new")
    os.utime(file, (1000, 1000))
    assert digest(cache, file) == sha256(b"new")


@pytest.mark.usefixtures("settled")
def test_new_bytes_of_one_slice_under_an_old_time_are_seen(tmp_path: Path) -> None:
    cache, folder = tmp_path / "cache", series(tmp_path / "f")
    os.utime(folder / "3.dcm", (1000, 1000))
    first = digest(cache, folder)
    (folder / "3.dcm").write_bytes(b"X")
    os.utime(folder / "3.dcm", (1000, 1000))
    assert digest(cache, folder) != first
    (folder / "3.dcm").write_bytes(b"3")
    assert digest(cache, folder) == first


@pytest.mark.usefixtures("settled")
def test_a_folder_is_one_short_line_and_no_file_of_it_is_read_again(
    tmp_path: Path, unread: Callable[[], None]
) -> None:
    cache, folder = tmp_path / "cache", series(tmp_path / "Doe^John", count=50)
    first = digest(cache, folder)
    assert [len(line) + 1 for line in lines(cache)] == [LINE]
    # The cache names no one.
    assert "Doe" not in cache.read_text()
    unread()
    assert digest(cache, folder) == first


@pytest.mark.usefixtures("settled")
def test_the_cache_moves_with_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unread: Callable[[], None]
) -> None:
    series(tmp_path / "here" / "study" / "a")
    monkeypatch.chdir(tmp_path / "here")
    first = digest(Path("cache"), Path("study/a"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    unread()
    assert digest(Path("cache"), Path("study/a")) == first


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("place", [3, 20, 60, 100, 120])
def test_a_damaged_line_counts_as_none(tmp_path: Path, place: int) -> None:
    cache, file = tmp_path / "cache", tmp_path / "a"
    file.write_bytes(b"x" * 100)
    digest(cache, file)
    content = bytearray(cache.read_bytes().strip(b"\n"))
    content[place] = ord("0") if content[place] != ord("0") else ord("1")
    cache.write_bytes(b"half a li\n" + bytes(content) + b"\n" + b"\xff" * (LINE - 1) + b"\n")
    assert digest(cache, file) == sha256(b"x" * 100)


@pytest.mark.usefixtures("settled")
def test_what_follows_half_a_line_is_whole(tmp_path: Path, unread: Callable[[], None]) -> None:
    cache, file = tmp_path / "cache", tmp_path / "a"
    file.write_bytes(b"x")
    cache.write_text("0123456789 half a li")
    digest(cache, file)
    unread()
    assert digest(cache, file) == sha256(b"x")


@pytest.mark.usefixtures("settled")
def test_former_states_are_left_out_in_time(tmp_path: Path, unread: Callable[[], None]) -> None:
    cache, file, other = tmp_path / "cache", tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"a")
    other.write_bytes(b"b")
    digest(cache, file)
    stale = cache.read_text().strip()
    cache.write_text("\n".join([stale] * 1003) + "\n")
    digest(cache, other)
    assert len(lines(cache)) == 2
    unread()
    assert digest(cache, file) == sha256(b"a")
    assert digest(cache, other) == sha256(b"b")


def test_a_file_that_just_changed_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    digest(tmp_path / "cache", tmp_path / "a")
    assert not (tmp_path / "cache").exists()


def test_several_processes_share_one_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unread: Callable[[], None]
) -> None:
    files = [tmp_path / f"f{number}" for number in range(200)]
    for number, file in enumerate(files):
        file.write_bytes(b"%d" % number)
    script = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from pathlib import Path\n"
        "from rightreason import contents\n"
        "contents.SETTLED_NS, contents.KEPT_EVERY_S = -(10**18), 0\n"
        "digests = contents.ContentDigests(Path('cache'))\n"
        "digests._known()\n"
        "for number in range(int(sys.argv[1]), 200, 2): digests.of(f'f{number}')\n"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", script, start], cwd=tmp_path)
        for start in ("0", "1", "0", "1")
    ]
    assert [run.wait() for run in runs] == [0, 0, 0, 0]
    assert {len(line) + 1 for line in lines(tmp_path / "cache")} == {LINE}
    unread()
    monkeypatch.chdir(tmp_path)
    digests = ContentDigests(Path("cache"))
    assert [digests.of(f.name) for f in files] == [sha256(b"%d" % n) for n in range(200)]


def test_what_cannot_be_read_does_not_stop_the_plan(tmp_path: Path) -> None:
    folder, cache = series(tmp_path / "f"), tmp_path / "cache"
    (folder / "gone").symlink_to("/nonexistent")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "pipe")
    first = digest(cache, folder)
    (folder / "gone").unlink()
    assert digest(cache, folder) != first
    assert digest(cache, tmp_path / "none") == "unreadable:none"


@pytest.mark.usefixtures("settled")
def test_what_one_user_cannot_read_is_not_remembered_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, folder = tmp_path / "cache", series(tmp_path / "f")
    real = Path.open

    def refused(self: Path, *arguments: object, **named: object) -> object:
        if self.name == "2.dcm":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", refused)
    refused_digest = digest(cache, folder)
    monkeypatch.setattr(Path, "open", real)
    assert digest(cache, folder) == digest(tmp_path / "fresh", folder)
    assert digest(cache, folder) != refused_digest


@pytest.mark.usefixtures("settled")
def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert digest(tmp_path / "file" / "cache", tmp_path / "file") == sha256(b"x")


def test_one_process_sees_one_state(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"old")
    digests = ContentDigests(tmp_path / "cache")
    first = digests.of(file)
    file.write_bytes(b"new")
    assert digests.of(file) == first == sha256(b"old")


def test_a_long_reading_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    digests = ContentDigests(tmp_path / "cache", told.append)
    digests.of(series(tmp_path / "a"))
    assert told == []
    monkeypatch.setattr(contents, "TOLD_EVERY_S", -1.0)
    time.sleep(0.01)
    digests.of(series(tmp_path / "b"))
    assert told == [
        "Files from outside are read once, to know them by their content: 12 files so far, 0.0 GB."
    ]
