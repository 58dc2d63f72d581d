"""The whole pipeline on ten real patients: DICOM and the expert's RTSTRUCT."""

import csv
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.runs import checkout, finish


@pytest.mark.slow
def test_the_pipeline_runs_on_real_ct(real_ct: Path, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    subprocess.run(
        [sys.executable, "config/sts/build_tables.py", real_ct, "data/sts"], cwd=folder, check=True
    )
    # Tests of the maps run in other tests: here they would take a third of the time.
    finish(folder, "--configfile", "config/sts/config.yaml", "--config", "trust={tests: []}")
    results = folder / "results"
    with (results / "predict" / "volume_densenet.tsv").open() as file:
        predictions = list(csv.DictReader(file, delimiter="\t"))
    assert len(predictions) == 20
    assert {row["fold"] for row in predictions} == {"0", "1"}
    fold_of: dict[str, set[str]] = {}
    for row in predictions:
        fold_of.setdefault(row["case"][:7], set()).add(row["fold"])
    assert all(len(folds) == 1 for folds in fold_of.values()), "a patient's cases stay in one fold"
    for patient in sorted(fold_of):
        votes = nib.load(results / "annotate" / f"{patient}_tumour" / "votes.nii.gz")
        truth = nib.load(real_ct / "sts" / patient / "mask.nii.gz")
        mask = np.asarray(truth.dataobj) > 0
        assert np.count_nonzero(votes.dataobj) == np.count_nonzero(mask), patient
        empty = nib.load(results / "annotate" / f"{patient}_clear" / "votes.nii.gz")
        assert not np.any(empty.dataobj)
    page = (results / "report" / "index.html").read_text()
    assert "Does the classifier look at the tumour?" in page
