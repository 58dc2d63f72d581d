"""A study that is run in parts ends as one that is run at once.

A run may be stopped, or be asked for less than all (`--until`, the name of a file). Snakemake then
compares the bytes of the files that a rule names, and of what a job makes most rules name one file.
Each edit here leaves that one as it was.
"""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom

from tests.runs import Job, due, finish, jobs_in
from tests.workflow.conftest import SHARDED, TABLES
from tests.workflow.contract import Finished, annotated, cases_of, change_config, of_cases, rows_of

STUDY = (*SHARDED, *TABLES)


def part(folder: Path, *wanted: str) -> set[Job]:
    """Run a part of the study; return the jobs that it took."""
    return jobs_in(finish(folder, *wanted, *STUDY))


def test_images_of_another_window_and_the_old_geometry(shards_run: Path) -> None:
    run = Finished(shards_run, SHARDED[1])
    change_config(run, lambda config: config["prepare"].update(window=[-1000, 200]))
    at_once = due(shards_run, *STUDY)
    done = part(shards_run, "--until", "prepare")
    assert done == of_cases("prepare", cases_of(shards_run))
    assert due(shards_run, *STUDY) == at_once - done


def test_headers_that_say_another_kernel_of_the_same_voxels(shards_run: Path) -> None:
    scored = annotated(shards_run)
    rows = rows_of(shards_run / "study" / "cases.tsv")
    row = next(row for row in rows if row["case"] not in scored)
    for path in (shards_run / "study" / row["image"]).glob("[!.]*"):
        header = pydicom.dcmread(path)
        header.ConvolutionKernel = "NEW"
        header.save_as(path)
    at_once = due(shards_run, *STUDY)
    done = part(shards_run, f"results/convert/{row['case']}.nii.gz")
    assert done == of_cases("convert", [row["case"]])
    # The volume is what it was, and so are the images made of it.
    assert due(shards_run, *STUDY) == at_once - done - of_cases("prepare", [row["case"]])


def test_marks_beyond_what_the_models_saw(shards_run: Path) -> None:
    path = sorted((shards_run / "study" / "annotations").glob("*/*.nii.gz"))[0]
    case = path.name.removesuffix(".nii.gz")
    image = nib.load(path)
    marked = np.asarray(image.dataobj).copy()
    assert not marked[0, 0, 0]
    marked[0, 0, 0] = marked.max()
    nib.save(nib.Nifti1Image(marked, image.affine, image.header), path)
    table = shards_run / "results" / "overlap" / f"{case}.tsv"
    at_once, before = due(shards_run, *STUDY), table.read_bytes()
    done = part(shards_run, f"results/overlap/{case}.tsv")
    assert done == of_cases("annotate", [case]) | of_cases("overlap", [case])
    assert table.read_bytes() == before
    assert due(shards_run, *STUDY) == at_once - done
