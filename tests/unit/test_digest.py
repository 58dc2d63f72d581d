import ast
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rightreason import digest
from rightreason.digest import SCRIPTS, ContentDigests, code_digest, modules_of

STAGES = ["demo", "convert", "annotate", "prepare", "train"]
STAGES += ["predict", "saliency", "overlap", "summary", "report"]


def names(stage: str) -> set[str]:
    return {path.stem for path in modules_of(SCRIPTS / f"{stage}.py")}


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_imports_another_or_the_study(stage: str) -> None:
    others = set(STAGES) - {stage}
    assert not names(stage) & others
    assert not names(stage) & {"study", "config", "tables", "folds", "digest"}


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_a_job_really_imports_is_in_its_digest(stage: str) -> None:
    probe = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        f"import rightreason.{stage}\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('rightreason.')))"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = {Path(file) for file in out.stdout.split()}
    assert loaded <= modules_of(SCRIPTS / f"{stage}.py")


def test_imports_are_absolute() -> None:
    for path in [*SCRIPTS.glob("*.py"), *SCRIPTS.glob("rightreason/*.py")]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


def test_the_digest_changes_with_an_imported_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "rightreason"
    package.mkdir()
    (tmp_path / "stage.py").write_text("from rightreason.stage import run\n")
    (package / "stage.py").write_text("def run():\n    from rightreason import inner\n")
    (package / "inner.py").write_text("import rightreason.deep\n")
    (package / "deep.py").write_text("X = 1\n")
    (package / "apart.py").write_text("Y = 1\n")
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path)

    def now() -> str:
        digest._IMPORTS.clear()
        return code_digest("stage")

    first = now()
    (package / "apart.py").write_text("Y = 2\n")
    os.utime(package / "deep.py", (0, 0))
    assert now() == first
    (package / "deep.py").write_text("X = 2\n")
    assert now() != first


def test_a_files_digest_is_its_sha256(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"bytes")
    assert ContentDigests(tmp_path / "cache").of(file) == hashlib.sha256(b"bytes").hexdigest()


def test_a_folder_is_its_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_bytes(b"1")
    (folder / "sub" / "b").write_bytes(b"2")

    def now() -> str:
        return ContentDigests(tmp_path / "cache").of(folder)

    first = now()
    os.utime(folder / "a", (1, 1))
    assert now() == first
    (folder / "a").rename(folder / "c")
    renamed = now()
    assert renamed != first
    (folder / "sub" / "b").write_bytes(b"3")
    assert now() != renamed


def test_new_bytes_under_an_old_time_are_seen_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "SETTLED_NS", -(10**18))
    cache, file = tmp_path / "cache", tmp_path / "a"
    file.write_bytes(b"old")
    os.utime(file, (1000, 1000))
    assert ContentDigests(cache).of(file) == hashlib.sha256(b"old").hexdigest()
    assert len(cache.read_text().splitlines()) == 1
    file.write_bytes(b"new")
    os.utime(file, (1000, 1000))
    assert ContentDigests(cache).of(file) == hashlib.sha256(b"new").hexdigest()


def test_the_cache_is_used_and_survives_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "SETTLED_NS", -(10**18))
    cache, file = tmp_path / "cache", tmp_path / "a"
    file.write_bytes(b"x" * 100)
    ContentDigests(cache).of(file)
    cache.write_text("half a li" + "\n" + cache.read_text().replace("\t", "\t", 1))
    real = ContentDigests(cache)
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
    assert real.of(file) == hashlib.sha256(b"x" * 100).hexdigest()


def test_a_file_that_just_changed_is_not_remembered(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x")
    ContentDigests(tmp_path / "cache").of(file)
    assert not (tmp_path / "cache").exists()


def test_what_cannot_be_read_does_not_stop_the_plan(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    (folder / "gone").symlink_to("/nonexistent")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "pipe")
    digests = ContentDigests(tmp_path / "cache")
    first = digests.of(folder)
    (folder / "gone").unlink()
    assert digests.of(folder) != first
