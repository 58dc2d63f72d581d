import json
from pathlib import Path

import nibabel as nib
import pytest
from nibabel.filebasedimages import ImageFileError
from rightreason.failures import Failure, bury, failure_of, failures, usable_path

LOST = Failure("A1", "convert", "Case A1: the folder holds no CT — “nothing”.")


def test_a_status_record_stands_for_files_and_folders(tmp_path: Path) -> None:
    outputs = [tmp_path / "A1.nii.gz", tmp_path / "A1.json", tmp_path / "annotate" / "A1"]
    bury(outputs, LOST)
    assert [failure_of(path) for path in outputs] == [LOST] * 3
    assert failures(outputs) == [LOST]
    told = json.loads((tmp_path / "annotate" / "A1" / "failed.json").read_text())
    assert told == {"failed": {"case": "A1", "stage": "convert", "reason": LOST.reason}}


def test_a_status_record_is_no_volume(tmp_path: Path) -> None:
    bury([tmp_path / "A1.nii.gz"], LOST)
    with pytest.raises(ImageFileError):
        nib.load(tmp_path / "A1.nii.gz")


def test_what_a_stage_wrote_is_no_failure(tmp_path: Path) -> None:
    whole, folder = tmp_path / "A1.json", tmp_path / "A1"
    whole.write_text('{"case": "A1"}')
    folder.mkdir()
    (tmp_path / "empty").touch()
    for path in (whole, folder, tmp_path / "empty", tmp_path / "not there"):
        assert failure_of(path) is None
    assert failures([whole, folder]) == []


def test_an_optional_input_that_failed_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "A2").mkdir()
    bury([tmp_path / "A1"], LOST)
    assert usable_path([str(tmp_path / "A1")]) is None
    assert usable_path([str(tmp_path / "A2")]) == tmp_path / "A2"
    assert usable_path([]) is None
