"""Outputs without Snakemake's record of what they were made from."""

import shutil
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from rightreason import made, unknown_origin
from rightreason.errors import InputError

from tests.sentences import sentence

OUTPUTS = ("results/convert/A01.nii.gz", "results/convert/A01.json", "results/annotate/A01")
LONG = f"results/saliency/{'m' * 100}/{'x' * 100}/shard0"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files of a job and two folders, recorded by us and by Snakemake."""
    monkeypatch.chdir(tmp_path)
    for path in (*map(Path, OUTPUTS), Path(LONG)):
        file = path if path.suffix else path / "votes.nii.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("made")
        keep("metadata", str(path))
    made.record([*OUTPUTS, LONG])
    return tmp_path


def keep(folder: str, output: str) -> None:
    """Write a file as Snakemake does: names of at most 255 bytes, the others cut into folders."""
    name = urlsafe_b64encode(output.encode()).decode()
    *above, last = [name[at : at + 254] for at in range(0, len(name), 254)]
    place = Path(".snakemake", folder, *(f"@{part}" for part in above), last)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("{}")


def forget(output: str) -> None:
    Path(".snakemake/metadata", urlsafe_b64encode(output.encode()).decode()).unlink()


def test_all_is_known(study: Path) -> None:
    assert sentence(unknown_origin.check) == ""


def test_all_records_are_gone(study: Path) -> None:
    shutil.rmtree(".snakemake")
    with pytest.raises(InputError) as refused:
        unknown_origin.check()
    assert f": results/annotate/A01, results/convert/A01, {LONG}. The records" in str(refused.value)
    assert "--touch --forceall" in str(refused.value)


def test_one_is_gone(study: Path) -> None:
    forget("results/annotate/A01")
    # Both files are of one job: what one is made from, the other is.
    forget("results/convert/A01.json")
    with pytest.raises(InputError, match=r"since: results/annotate/A01\. The records"):
        unknown_origin.check()


def test_what_a_job_left_that_was_cut_off_is_made_again_anyway(study: Path) -> None:
    forget("results/annotate/A01")
    keep("incomplete", "results/annotate/A01")
    assert sentence(unknown_origin.check) == ""


def test_what_was_deleted_is_made_anew(study: Path) -> None:
    forget("results/annotate/A01")
    shutil.rmtree("results/annotate/A01")
    assert sentence(unknown_origin.check) == ""


def test_records_in_a_database_are_not_looked_for(study: Path) -> None:
    shutil.rmtree(".snakemake/metadata")
    Path(".snakemake/metadata.db").touch()
    assert sentence(unknown_origin.check) == ""


def test_before_anything_was_made(tmp_path: Path) -> None:
    assert sentence(unknown_origin.check, tmp_path) == ""
