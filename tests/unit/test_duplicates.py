from pathlib import Path
from types import SimpleNamespace

import pytest
from rightreason import duplicates
from rightreason.contents import ContentDigests

from tests.sentences import sentence


def cases(folder: Path, **images: tuple[str, str | None]) -> dict[str, SimpleNamespace]:
    """Return cases, each of a folder and a series."""
    return {
        case: SimpleNamespace(image=folder / name, series=series)
        for case, (name, series) in images.items()
    }


def check(folder: Path, found: dict[str, SimpleNamespace], looked_at: list[str]) -> str:
    """Check cases of which some were looked at; return the sentence."""
    digests = ContentDigests(folder / "digests")
    for case in looked_at:
        digests.of(found[case].image)
    return sentence(duplicates.check, found, digests.seen)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two series that are the same, another one, and two empty folders."""
    for name, content in (("a", "1"), ("copy", "1"), ("other", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.dcm").write_text(content)
    for name in ("empty", "void"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_the_same_bytes_in_two_folders(folder: Path) -> None:
    found = cases(folder, A=("a", None), B=("other", None), C=("copy", None))
    assert f"A and C: {folder / 'a'} and {folder / 'copy'}" in check(folder, found, [*found])
    assert "B" not in check(folder, found, [*found]).partition(str(folder))[0]


def test_two_series_of_one_folder(folder: Path) -> None:
    found = cases(folder, A=("a", "1.2"), B=("copy", "1.3"), C=("a", "1.2"))
    assert "A and C: " in check(folder, found, [*found])
    del found["C"]
    assert check(folder, found, [*found]) == ""


def test_what_was_not_looked_at_and_what_is_empty(folder: Path) -> None:
    found = cases(folder, A=("a", None), B=("copy", None), C=("empty", None), D=("void", None))
    assert check(folder, found, ["A", "C", "D"]) == ""
    assert "A and B" in check(folder, found, ["A", "B", "C", "D"])
