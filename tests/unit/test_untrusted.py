"""Files made to do harm: nothing of them is run, and nothing beyond 2 GB is unpacked.

Each is read in a process of its own that may take 4 GB of memory: what takes more fails with
another sentence, or with none.
"""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEGLSLossless
from rightreason.config import MOST_VALUES, read_config
from rightreason.digest import SCRIPTS
from rightreason.errors import InputError
from rightreason.images import Grid

from tests.bombs import (
    GB,
    MB,
    deflated_dicom,
    gzipped,
    long_extension,
    nifti_header,
    nrrd_header,
    resized,
)
from tests.ct_records import write_ct
from tests.dicom_files import COLUMNS, ROWS, ct_slice, write, write_series
from tests.unit.test_annotate import SLICES, block_frames, segmentation, series_affine

# Each takes a process of its own, and its imports.
pytestmark = pytest.mark.slow
MEMORY = 4 * GB
CONVERT = "from rightreason.convert import convert_case as f"
ANNOTATE = "from rightreason.annotate import annotate_case as f"


def refused(call: str, *arguments: Any) -> str:
    """Call an entry point in a process of little memory; return the sentence it ends with."""
    script = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from pathlib import Path, PosixPath\nfrom rightreason.errors import InputError\n"
        f"{call}\ntry:\n    f(*{arguments!r})\nexcept InputError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout
    return done.stdout


def convert(image: Path, out: Path, **policies: str) -> str:
    settings = {"timeout_s": 60, **policies}
    message = refused(CONVERT, "a", image, None, out / "ct.nii.gz", out / "ct.json", settings)
    assert not list(out.glob("ct.*"))
    return message


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted case, its DICOM in `in`."""
    folder = tmp_path_factory.mktemp("case")
    write_series(folder / "in", range(SLICES))
    grid = Grid((COLUMNS, ROWS, SLICES), series_affine())
    return write_ct(folder, [ct_slice(k) for k in range(SLICES)], grid)


def annotate(case: Path, file: Path, out: Path) -> str:
    row = {"rater": "r1", "file": str(file), "roi": None}
    settings = {"outside": "clip", "max_volume_change": 0.05, "fractional_threshold": 0.5}
    made = out / "annotated"
    message = refused(ANNOTATE, "a", case / "ct.nii.gz", case / "ct.json", [row], made, settings)
    assert not made.exists()
    return message


NIFTI = {
    "an extension of 1.5 GB": (gzipped(long_extension(3 * GB // 2), 3 * GB // 2), "extensions"),
    "an extension read to the end": (
        gzipped(nifti_header(0) + b"\1\0\0\0" + b"\0\0\0\x50\6\0\0\0", 2 * GB),
        "extensions",
    ),
    "8 GB after the last voxel": (gzipped(nifti_header() + bytes(4), 8 * GB), "unpacks to more"),
    "a volume of 4 GB": (
        gzipped(nifti_header(dim=[3, 2048, 1024, 1024, 1, 1, 1, 1]) + bytes(4), 4 * GB),
        "claims 2048 x 1024 x 1024 voxels (4096 MB)",
    ),
}


@pytest.mark.parametrize("name", NIFTI)
def test_nifti_that_unpacks_to_gigabytes(case: Path, tmp_path: Path, name: str) -> None:
    content, words = NIFTI[name]
    path = tmp_path / "a.nii.gz"
    path.write_bytes(content)
    assert words in convert(path, tmp_path)
    assert words in annotate(case, path, tmp_path)


def test_a_pickle_is_no_image(case: Path, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    for name in ("a.nii", "b.nii.gz", "c.nrrd", "d.dcm"):
        (tmp_path / name).write_bytes(pickle.dumps(Payload()))
        assert "not supported" in annotate(case, tmp_path / name, tmp_path)
    assert "cannot be read as a NIfTI image" in convert(tmp_path / "a.nii", tmp_path)
    assert "cannot be read as a NIfTI image" in convert(tmp_path / "b.nii.gz", tmp_path)
    assert not (tmp_path / "ran").exists()


NRRD = {
    "a claim of 9 TB": (gzipped(b"", 16 * MB), "100000 100000 1000", "9536743 MB"),
    "a volume of 2.5 GB": (gzipped(b"", 5 * GB // 2), "1024 1024 2560", "2 GB of the largest CT"),
    "8 GB after the last voxel": (gzipped(b"", 8 * GB), "4 4 4", "more than the 64 bytes"),
}


@pytest.mark.parametrize("name", NRRD)
def test_nrrd_that_unpacks_to_gigabytes(case: Path, tmp_path: Path, name: str) -> None:
    content, sizes, words = NRRD[name]
    path = tmp_path / "a.nrrd"
    path.write_bytes(nrrd_header(sizes) + content)
    assert words in annotate(case, path, tmp_path)


@pytest.mark.parametrize("field", ["data file", "datafile", "Data File"])
def test_nrrd_names_no_other_file(case: Path, tmp_path: Path, field: str) -> None:
    """Its digest would not change with the voxels, and it could name any file there is."""
    (tmp_path / "voxels.raw").write_bytes(bytes(64))
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.nrrd"
    path.write_bytes(nrrd_header("4 4 4", "raw", f"{field}: ../voxels.raw\n"))
    assert "keeps its voxels in another file" in annotate(case, path, tmp_path)


def test_nrrd_without_an_end_of_its_header(case: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    path.write_bytes(nrrd_header("4 4 4")[:-1] + b"#" * (2 * MB))
    assert "cannot be read as NRRD" in annotate(case, path, tmp_path)


def test_deflated_dicom(case: Path, tmp_path: Path) -> None:
    bomb = deflated_dicom(tmp_path / "in" / "a.dcm", 5 * GB // 2)
    assert "a.dcm is deflated and unpacks to more" in convert(tmp_path / "in", tmp_path)
    assert "a.dcm is deflated and unpacks to more" in annotate(case, bomb, tmp_path)
    harmless = deflated_dicom(tmp_path / "few" / "a.dcm", 0)
    assert dcmread(harmless).pixel_array.shape == (ROWS, COLUMNS)
    assert "of a format that is not supported" in annotate(case, harmless, tmp_path)


def test_series_whose_headers_describe_gigabytes(tmp_path: Path) -> None:
    """Compressed, since files that hold fewer bytes than their matrix are refused as such."""

    def change(k: int, dataset: Any) -> None:
        dataset.PixelRepresentation = 0
        dataset.compress(JPEGLSLossless, generate_instance_uid=False)
        dataset.Rows = dataset.Columns = 30000

    series = write_series(tmp_path / "in", change=change)
    assert sum(path.stat().st_size for path in series.iterdir()) < 20_000
    message = convert(series, tmp_path)
    assert "Case a: the headers describe 30000 x 30000 x 6 voxels; more than the 2 GB" in message


def test_a_gap_that_would_be_filled_with_gigabytes(tmp_path: Path) -> None:
    """Six slices of 6 x 8 pixels, the last of them hundreds of kilometres away."""

    def change(k: int, dataset: Any) -> None:
        if k == 5:
            dataset.ImagePositionPatient = [-20, -30, 100 + 3 * 30_000_000]

    series = write_series(tmp_path / "in", change=change)
    message = convert(series, tmp_path, gap="interpolate")
    assert "Case a: the headers describe 8 x 6 x 30000001 voxels; more than the 2 GB" in message


@pytest.mark.parametrize("size", [65535, 30000])
def test_codestreams_of_another_size_than_the_header_says(tmp_path: Path, size: int) -> None:
    def change(k: int, dataset: Any) -> None:
        dataset.PixelRepresentation = 0
        dataset.compress(JPEGLSLossless, generate_instance_uid=False)
        dataset.PixelData = resized(dataset.PixelData, size, size)

    message = convert(write_series(tmp_path / "in", change=change), tmp_path)
    assert f"are ({size}, {size}) in themselves, its header says ({ROWS}, {COLUMNS})" in message


def test_segmentations_that_claim_gigabytes(case: Path, tmp_path: Path) -> None:
    made = segmentation(
        case, tmp_path / "jls.dcm", block_frames(np.float32), "FRACTIONAL", JPEGLSLossless
    )
    dataset = dcmread(made)
    dataset.PixelData = resized(dataset.PixelData, 65535, 65535)
    write(dataset, made)
    assert "others by what is packed in them" in annotate(case, made, tmp_path)

    dataset = dcmread(segmentation(case, tmp_path / "wide.dcm", block_frames()))
    dataset.Rows = dataset.Columns = 65535
    write(dataset, tmp_path / "wide.dcm")
    assert "frames of 65535 x 65535 pixels" in annotate(case, tmp_path / "wide.dcm", tmp_path)


def test_segmentation_whose_frames_lie_far_apart(case: Path, tmp_path: Path) -> None:
    """Two hundred frames, one of them kilometres away: the volume between has 10^10 voxels."""
    dataset = dcmread(segmentation(case, tmp_path / "far.dcm", np.ones_like(block_frames())))
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence[0].SpacingBetweenSlices = 0.01
    for k, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        z = 100 + (0.01 * k if k < SLICES - 1 else 1e7)
        frame.PlanePositionSequence[0].ImagePositionPatient = [-20, -30, z]
        if "DerivationImageSequence" in frame:
            del frame.DerivationImageSequence
    del dataset.ReferencedSeriesSequence
    write(dataset, tmp_path / "far.dcm")
    assert "more than the 2 GB" in annotate(case, tmp_path / "far.dcm", tmp_path)


def test_aliases_of_yaml_that_stand_for_billions() -> None:
    options: Any = ["x"] * 10
    for _ in range(12):
        options = [options] * 10
    itself: dict[str, Any] = {}
    itself["options"] = itself
    for raw in ({"models": {"a": {"options": {"x": options}}}}, itself):
        with pytest.raises(InputError, match=f"holds more than {MOST_VALUES} values"):
            read_config(raw)
