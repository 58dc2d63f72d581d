"""The stage on a small study: which rows there are, of which cases, and what findings weigh."""

import csv

import numpy as np
import pytest
import torch
from rightreason import trust, trust_subjects
from rightreason.committee import load_network
from rightreason.errors import InputError
from rightreason.failures import Failure, bury
from rightreason.images import Grid, Volume, save
from rightreason.inputs import InputRecord
from rightreason.samples import load_case, to_input
from rightreason.trust import measure_trust
from rightreason.trust_batch import batch_difference
from rightreason.trust_faithfulness import areas, filled, places
from rightreason.trust_findings import finding_depth, measure_findings
from rightreason.trust_maps import map_function
from rightreason.trust_samples import strongest

from tests.prepared import AFFINE, SHAPE
from tests.unit.test_saliency import Study

torch.set_num_threads(1)

SETTINGS = {
    "device": "cpu", "threads": 1, "batch": 3, "samples": 2, "stages": 3, "steps": 2, "orders": 1,
    "noise": 0.01, "shift": 2, "seed": 0,
    "tests": ["batch", "completeness", "randomisation", "faithfulness", "repeatability"],
}  # fmt: skip
GRADCAM = {"algorithm": "gradcam"}
INTEGRATED = {"algorithm": "integrated_gradients", "steps": 4, "baseline": 0.0}


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def measure(study, method=GRADCAM, folds=None, **settings):
    out = study.folder / "trust.tsv"
    folds = dict.fromkeys(study.images, 0) if folds is None else folds
    measure_trust(
        study.images, study.committees, folds, study.model, method, {**SETTINGS, **settings}, out
    )
    return table(out)


def measures(rows, case):
    return [(row["test"], row["measure"]) for row in rows if row["case"] == case]


@pytest.mark.parametrize("kind", ["slices", "subset", "volume"])
def test_every_case_has_every_test(tmp_path, kind):
    rows = measure(Study(tmp_path, kind))
    expected = [("batch", "difference")]
    expected += [("randomisation", "rank_correlation"), ("randomisation", "ssim")] * 3
    for fill in ("blur", "mean"):
        expected += [
            ("faithfulness", f"{name}_{fill}") for name in ("deletion", "insertion", "gain")
        ]
    expected += [("repeatability", "noise"), ("repeatability", "shift")]
    assert measures(rows, "c00") == measures(rows, "c01") == expected
    assert all(row["value"] != "" for row in rows if row["measure"] != "ssim")
    steps = [row["step"] for row in rows if row["measure"] == "rank_correlation"]
    assert steps[0] < steps[1] < steps[2] == "1"


def test_attributions_are_tested_for_completeness_and_seeds_against_each_other(tmp_path):
    rows = measure(Study(tmp_path, "subset", networks=2, seeds=2), INTEGRATED)
    assert ("completeness", "gap") in measures(rows, "c00")
    assert ("repeatability", "seeds") in measures(rows, "c01")


def test_values_are_those_of_the_strongest_slices_by_the_cases_own_network(tmp_path):
    study = Study(tmp_path, "slices")
    rows = measure(study, tests=["batch"])
    pixels = load_case(study.images["c01"]).pixels
    network = load_network(study.committees[0][0][0], study.model, pixels, 1)
    x = to_input(pixels, 1)
    x = x[strongest(network, x, 1, 2, 8)]
    assert len(x) == 2
    maps = map_function(GRADCAM, "layer3", 1, 3, 1)
    expected = batch_difference(network, maps, x)
    [value] = [float(row["value"]) for row in rows if row["case"] == "c01"]
    assert value == pytest.approx(expected, rel=1e-6)


def test_one_sample_at_a_time_is_no_batch(tmp_path):
    assert measure(Study(tmp_path, "volume"), tests=["batch"], batch=1) == []


def full_above(room, monkeypatch):
    """Let the stage's networks run on a device that takes `room` samples at once; return it."""
    now = [room]

    def refuse(_network, given):
        if len(given[0]) > now[0]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    def load(*given, **named):
        network = load_network(*given, **named)
        network.register_forward_pre_hook(refuse)
        return network

    monkeypatch.setattr(trust_subjects, "load_network", load)
    return now


def same(found, expected):
    """Hold rows against rows, the values as far as sums in another order give the same."""
    assert [{**row, "value": ""} for row in found] == [{**row, "value": ""} for row in expected]
    values = [[float(row["value"] or "nan") for row in rows] for rows in (found, expected)]
    np.testing.assert_allclose(*values, atol=1e-4)


@pytest.mark.parametrize("method", [GRADCAM, INTEGRATED])
@pytest.mark.parametrize("room", [2, 1])
def test_where_the_device_is_full_half_the_samples_go_at_once(
    tmp_path, caplog, monkeypatch, method, room
):
    study = Study(tmp_path, "slices", networks=2, seeds=2)
    whole = measure(study, method, batch=8, samples=3)
    full_above(room, monkeypatch)
    with caplog.at_level("WARNING"):
        rows = measure(study, method, batch=8, samples=3)
    halved = [(8, 4), (4, 2), (2, 1)][: 4 - room]
    assert [record.args[:3] for record in caplog.records] == [("c00", *sizes) for sizes in halved]
    # With one sample at a time a map cannot depend on others.
    same(rows, whole if room > 1 else [row for row in whole if row["test"] != "batch"])


@pytest.mark.parametrize("test", SETTINGS["tests"])
def test_each_test_by_itself_makes_do_with_less(tmp_path, caplog, monkeypatch, test):
    study = Study(tmp_path, "slices")
    how = {"batch": 4, "samples": 4, "tests": [test]}
    whole = measure(study, INTEGRATED, **how)
    room = full_above(4, monkeypatch)

    def then_full(*given):
        for subject in trust_subjects.subjects(*given):
            room[0] = 1
            yield subject

    monkeypatch.setattr(trust, "subjects", then_full)
    with caplog.at_level("WARNING"):
        rows = measure(study, INTEGRATED, **how)
    # The cases of a network share its randomisation.
    name = "c00, c01" if test == "randomisation" else "c00"
    assert [record.args[:3] for record in caplog.records] == [(name, 4, 2), (name, 2, 1)]
    same(rows, [] if test == "batch" else whole)


def test_where_not_one_sample_fits_the_stage_says_so(tmp_path, monkeypatch):
    full_above(0, monkeypatch)
    with pytest.raises(InputError, match=r"^c00: the device's memory does not hold"):
        measure(Study(tmp_path, "subset"), {"algorithm": "gradient"}, tests=["repeatability"])


def test_cases_without_an_image_are_left_out(tmp_path):
    study = Study(tmp_path, "volume")
    rows = measure(study, folds={"c00": 0, "gone": 0}, tests=["batch"])
    assert [row["case"] for row in rows] == ["c00"]
    assert measure(study, folds={}, tests=["batch"]) == []


def record(kind, slices):
    return InputRecord(
        kind=kind, shape=SHAPE, affine=AFFINE.tolist(), ct_shape=SHAPE, ct_affine=AFFINE.tolist(),
        box=[[0, size] for size in SHAPE], ct_slice_axis=2, slices=slices, ct_slices=slices,
    )  # fmt: skip


def votes(*marked):
    data = np.zeros(SHAPE, dtype=np.uint8)
    for at in marked:
        data[at] = 2
    return data


def test_depth_is_in_millimetres_within_and_outside_the_findings():
    # Voxels of 2 x 2 x 4 mm; a bar of three voxels along x.
    marked = votes((slice(10, 13), 8, 4))
    depth = finding_depth(Volume(marked, Grid(SHAPE, AFFINE)), record("volume", list(range(10))))
    assert depth[9:14, 8, 4].tolist() == [-2, 2, 2, 2, -2]
    assert depth[11, 8, 6] == -8
    assert depth[11, 11, 4] == -6


def test_a_finer_ct_is_looked_up_by_affine():
    fine = AFFINE @ np.diag([0.5, 0.5, 1, 1])
    marked = np.zeros((48, 40, 10), dtype=np.uint8)
    marked[20:26, 16, 4] = 1
    depth = finding_depth(Volume(marked, Grid((48, 40, 10), fine)), record("volume", []))
    assert (depth[:, 8, 4] > 0).nonzero()[0].tolist() == [10, 11, 12]


def test_findings_on_slices_that_the_model_does_not_see_are_none():
    marked = Volume(votes((10, 8, 5)), Grid(SHAPE, AFFINE))
    assert finding_depth(marked, record("slices", [1, 4, 6])) is None
    assert finding_depth(marked, record("slices", [1, 5])) is not None


def test_curves_run_in_the_order_of_the_findings(tmp_path):
    study = Study(tmp_path, "volume")
    folders = {case: tmp_path / "annotate" / case for case in study.images}
    for case, marked in (("c00", votes()), ("c01", votes((slice(8, 14), slice(8, 12), 4)))):
        save(folders[case] / "votes.nii.gz", marked, AFFINE, np.uint8)
    out = tmp_path / "findings.tsv"
    measure_findings(
        study.images, study.committees, dict.fromkeys(study.images, 0), folders, study.model,
        SETTINGS, out,
    )  # fmt: skip
    rows = table(out)
    # Of c00 nobody marked anything.
    assert {row["case"] for row in rows} == {"c01"}
    pixels = load_case(study.images["c01"]).pixels
    network = load_network(study.committees[0][0][0], study.model, pixels, 1)
    x = to_input(pixels, 1)
    marked = load_case(study.images["c01"]).record
    depth = finding_depth(Volume(votes((slice(8, 14), slice(8, 12), 4)), marked.grid), marked)
    order = places(torch.from_numpy(depth.transpose(2, 1, 0)[None, None].copy()))
    expected = areas(network, x, filled(x, "mean"), [order], 1, 2, 3)[0]
    found = {row["measure"]: float(row["value"]) for row in rows}
    assert found["deletion_mean"] == pytest.approx(expected.deletion, rel=1e-6)
    assert found["insertion_mean"] == pytest.approx(expected.insertion, rel=1e-6)
    assert set(found) == {"deletion_blur", "insertion_blur", "deletion_mean", "insertion_mean"}


def test_a_case_whose_annotations_failed_is_left_out(tmp_path):
    study = Study(tmp_path, "volume")
    folders = {case: tmp_path / "annotate" / case for case in study.images}
    bury([folders["c00"]], Failure("c00", "annotate", "No such file."))
    save(folders["c01"] / "votes.nii.gz", votes((10, 8, 4)), AFFINE, np.uint8)
    out = tmp_path / "findings.tsv"
    measure_findings(
        study.images, study.committees, dict.fromkeys(study.images, 0), folders, study.model,
        SETTINGS, out,
    )  # fmt: skip
    assert {row["case"] for row in table(out)} == {"c01"}


def test_curves_of_findings_are_the_same_where_the_device_is_full(tmp_path, caplog, monkeypatch):
    study = Study(tmp_path, "slices")
    folders = {case: tmp_path / "annotate" / case for case in study.images}
    for folder in folders.values():
        save(folder / "votes.nii.gz", votes((slice(8, 14), slice(8, 12), 4)), AFFINE, np.uint8)

    def rows(name):
        measure_findings(
            study.images, study.committees, dict.fromkeys(study.images, 0), folders, study.model,
            {**SETTINGS, "batch": 4, "samples": 4}, tmp_path / name,
        )  # fmt: skip
        return table(tmp_path / name)

    whole = rows("whole.tsv")
    full_above(1, monkeypatch)
    with caplog.at_level("WARNING"):
        same(rows("parts.tsv"), whole)
    assert len(whole) == 8
    assert [record.args[:3] for record in caplog.records] == [("c00", 4, 2), ("c00", 2, 1)]
