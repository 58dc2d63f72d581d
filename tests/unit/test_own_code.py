"""Where the source of own networks lies, and what of it counts."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest
from rightreason.own_code import digest, folder_of, problem


def of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "package").mkdir(parents=True)
    (folder / "net.py").write_text("a = 1\n")
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "deep.py").write_text("b = 1\n")
    return folder


def test_every_python_file_beside_the_module_counts_by_name_and_content(code: Path) -> None:
    first = digest("net:Net", str(code), of)
    assert digest("package.deep:Net", str(code), of) == first
    for path in code.rglob("*"):
        os.utime(path)
    (code / "notes.txt").write_text("no code")
    (code / ".hidden").mkdir()
    (code / ".hidden" / "x.py").write_text("c = 1")
    assert digest("net:Net", str(code), of) == first
    (code / "package" / "deep.py").write_text("b = 2\n")
    second = digest("net:Net", str(code), of)
    assert second != first
    (code / "package" / "deep.py").rename(code / "package" / "other.py")
    assert digest("net:Net", str(code), of) not in (first, second)


def test_files_behind_links_count_and_a_circle_ends(code: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.py").write_text("c = 1\n")
    (code / "linked").symlink_to(tmp_path / "elsewhere")
    (code / "linked" / "round").symlink_to(code)
    first = digest("net:Net", str(code), of)
    (tmp_path / "elsewhere" / "x.py").write_text("c = 2\n")
    assert digest("net:Net", str(code), of) != first


def test_an_installed_module_is_known_without_importing_it(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("net.py", "package/__init__.py"):
        (code / name).write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(code))
    alone, whole = digest("net:Net", None, of), digest("package.deep:Net", None, of)
    (code / "package" / "deep.py").write_text("b = 2\n")
    assert digest("net:Net", None, of) == alone
    assert digest("package.deep:Net", None, of) != whole
    assert not {"net", "package"} & set(sys.modules)
    assert problem("package.deep:Net", None) is None


def test_what_is_not_in_the_folder_is_taken_for_installed(code: Path) -> None:
    assert folder_of("net:Net", str(code)) == folder_of("package.deep:Net", str(code)) == str(code)
    assert folder_of("torch.nn:Flatten", str(code)) is None
    assert problem("torch.nn:Flatten", str(code)) is None


@pytest.mark.parametrize(
    ("network", "given", "said"),
    [
        ("net:Net", "{code}", None),
        ("package:Net", "{code}", None),
        ("package.deep:Net", "{code}", None),
        ("package.absent:Net", "{code}", "no module package.absent in the folder"),
        ("absent_net:Net", "{code}", "is neither in the folder {code} (code) nor installed"),
        ("absent_net:Net", None, "is not installed; name the folder that holds absent_net.py"),
        ("net:Net", "{code}/nowhere", "there is no folder {code}/nowhere (code)"),
    ],
)
def test_what_is_said_where_the_module_is_not_there(
    code: Path, network: str, given: str | None, said: str | None
) -> None:
    found = problem(network, given and given.format(code=code))
    assert found is None if said is None else said.format(code=code) in str(found)
