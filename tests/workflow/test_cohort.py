"""`cohort.tsv` of a finished run against the images and tables that it is about."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_cohort_as_the_images_have_it(finished: Path) -> None:
    results = finished / "results"
    table = rows_of(results / "summary" / "cohort.tsv")
    given = rows_of(finished / "study" / "cases.tsv")
    keys = ("case", "site", "label")
    assert [[row[k] for k in keys] for row in table] == [[row[k] for k in keys] for row in given]
    for row in table:
        image = nib.load(results / "convert" / f"{row['case']}.nii.gz")
        assert (int(row["slices"]), float(row["spacing_mm"])) == (image.shape[2], 16)
        assert row["corrections"] == ""
        assert row["scanner"] != ""
        for kind, most in (("slices", 6), ("subset", 4), ("volume", 16)):
            seen = int(row[f"seen_slices_{kind}"])
            record = json.loads((results / "prepare" / kind / f"{row['case']}.json").read_text())
            start, stop = record["box"][2]
            assert 1 <= seen <= min(most, stop - start)


def test_what_each_rater_marked(finished: Path) -> None:
    table = rows_of(finished / "results" / "summary" / "cohort.tsv")
    annotations = rows_of(finished / "study" / "annotations.tsv")
    names = sorted({row["rater"] for row in annotations})
    assert [
        name.removeprefix("slices_") for name in table[0] if name.startswith("slices_")
    ] == names
    for row in table:
        looked = {other["rater"] for other in annotations if other["case"] == row["case"]}
        assert row["raters"] == (str(len(looked)) if looked else "")
        for name in names:
            cells = row[f"slices_{name}"], row[f"volume_mm3_{name}"]
            if name not in looked:
                assert cells == ("", "")
                continue
            image = nib.load(finished / "results" / "annotate" / row["case"] / f"{name}.nii.gz")
            mask = np.asarray(image.dataobj) > 0
            voxel_mm3 = float(np.prod(image.header.get_zooms()[:3]))
            assert int(cells[0]) == mask.any(axis=(0, 1)).sum()
            assert np.isclose(float(cells[1]), mask.sum() * voxel_mm3, rtol=1e-5)
