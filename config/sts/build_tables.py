"""Make the tables of a study of ten soft-tissue sarcomas.

Run `python config/sts/build_tables.py REAL_CT_DIR OUT_DIR`. REAL_CT_DIR holds `sts/STS_001` and so
on, each with `dicom/` and the expert's `rtstruct.dcm`. Each patient gives two cases, folders of
links to DICOM files: the slices with tumour, and the longer run of slices without, above or below.
OUT_DIR then holds `cases.tsv` and `annotations.tsv`, whose paths are relative to them.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pydicom

RATER = "expert"
ROI = "GTV_Mass_CT"
FEWEST_SLICES = 8
SAME_PLANE_MM = 0.1

Row = dict[str, str]


def build(real_ct: Path, out: Path) -> None:
    """Write the links and the two tables of all patients under `real_ct/sts`.

    Raises
    ------
    SystemExit
        When there are no patients, or one has too few slices of a kind.
    """
    patients = sorted((real_ct / "sts").glob("STS_*"))
    if not patients:
        raise SystemExit(f"{real_ct / 'sts'} holds no folders STS_001, STS_002, ...")
    cases: list[Row] = []
    annotations: list[Row] = []
    for patient in patients:
        tumour, clear = split(patient)
        for label, slices in (("tumour", tumour), ("clear", clear)):
            if len(slices) < FEWEST_SLICES:
                raise SystemExit(f"{patient.name} has only {len(slices)} slices for {label!r}.")
            case = f"{patient.name}_{label}"
            for path in slices:
                link(path, out / "dicom" / case / path.name)
            cases.append(
                {"case": case, "image": f"dicom/{case}", "label": label, "patient": patient.name}
            )
            annotations.append({"case": case, "rater": RATER, "file": "", "roi": ""})
        drawn = f"annotations/{patient.name}_tumour.dcm"
        link(patient / "rtstruct.dcm", out / drawn)
        annotations[-2].update(file=drawn, roi=ROI)
    write_table(out / "cases.tsv", cases)
    write_table(out / "annotations.tsv", annotations)


def split(patient: Path) -> tuple[list[Path], list[Path]]:
    """Return the slices from the first to the last with tumour, and the longer run without.

    Slices are ordered from the feet to the head; a run without tumour is contiguous, so that both
    make regular volumes.
    """
    heights = {
        path: float(pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2])
        for path in (patient / "dicom").iterdir()
    }
    drawn = contour_heights(patient / "rtstruct.dcm")
    slices = sorted(heights, key=heights.__getitem__)
    marked = [
        index
        for index, path in enumerate(slices)
        if any(abs(heights[path] - height) <= SAME_PLANE_MM for height in drawn)
    ]
    if not marked:
        raise SystemExit(f"No contour of {patient / 'rtstruct.dcm'} lies on a slice.")
    below, above = slices[: marked[0]], slices[marked[-1] + 1 :]
    return slices[marked[0] : marked[-1] + 1], max(below, above, key=len)


def contour_heights(rtstruct: Path) -> set[float]:
    """Return the z of every plane on which the expert drew, in mm."""
    dataset = pydicom.dcmread(rtstruct)
    number = next(r.ROINumber for r in dataset.StructureSetROISequence if r.ROIName == ROI)
    return {
        float(contour.ContourData[2])
        for roi in dataset.ROIContourSequence
        if roi.ReferencedROINumber == number
        for contour in roi.ContourSequence
    }


def link(target: Path, path: Path) -> None:
    """Link to a file, replacing a link of an earlier run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target.resolve())


def write_table(path: Path, rows: list[Row]) -> None:
    """Write tab-separated rows with a header."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    build(Path(sys.argv[1]), Path(sys.argv[2]))
