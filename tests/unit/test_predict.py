"""Probabilities and thresholds: the right networks for each case, their mean, loaded once."""

import csv
import math
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from rightreason.committee import load_network, panels
from rightreason.errors import InputError
from rightreason.networks import build
from rightreason.predict import predict_cases
from rightreason.probabilities import judge
from rightreason.samples import load_case
from rightreason.threshold_table import read_thresholds
from rightreason.thresholds import choose_thresholds
from sklearn.metrics import roc_curve
from torch import nn

from tests.prepared import SHAPE, SLICES, write_case, write_cohort

torch.set_num_threads(1)

MODEL = {
    "input": "slices",
    "network": "ResNet10",
    "options": {"block_inplanes": [4, 4, 8, 8], "no_max_pool": True},
    "channels": None,
}
SETTINGS = {"device": "cpu", "threads": 1, "batch": 3}
CLASSES = ["other", "drowning"]


def save_network(path, seed, channels=1, dims=2):
    torch.manual_seed(seed)
    network = build("ResNet10", dims, channels, 2, MODEL["options"])
    torch.save(network.state_dict(), path)
    return network.eval()


def rows_of(labels):
    return [
        {"case": case, "site": "A", "fold": n % 2, "label": "drowning" if label else "other"}
        for n, (case, label) in enumerate(labels.items())
    ]


def choose(folder, images, committees, rows, validation, model=MODEL, name="m"):
    """Run the stage `threshold`; return its table of validation, the other's path is fixed."""
    labels = {row["case"]: row["label"] for row in rows}
    out = {
        "validation": folder / f"{name}.validation.tsv",
        "thresholds": folder / f"{name}.thresholds.tsv",
    }
    choose_thresholds(
        images, committees, validation, labels, CLASSES, model, SETTINGS, out
    )  # fmt: skip
    return read(out["validation"])


def predict(folder, images, committees, rows, validation, model=MODEL, name="m"):
    """Run both stages; return the three tables."""
    inner = choose(folder, images, committees, rows, validation, model, name)
    out = {"table": folder / f"{name}.tsv", "seeds": folder / f"{name}.seeds.tsv"}
    thresholds = folder / f"{name}.thresholds.tsv"
    predict_cases(images, committees, rows, thresholds, CLASSES, model, SETTINGS, out)
    return read(out["table"]), inner, read(out["seeds"])


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_probability_is_the_mean_over_networks_of_the_mean_over_slices(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=3)
    networks = [save_network(tmp_path / f"{seed}.ckpt", seed) for seed in (0, 1)]
    paths = [tmp_path / "0.ckpt", tmp_path / "1.ckpt"]
    committees = {0: [paths[:1]], 1: [paths[1:]], None: [paths]}
    validation = {0: ["c01"], 1: ["c00"]}
    rows = rows_of(labels)
    rows[2] |= {"site": "B", "fold": None}
    table, inner, _ = predict(tmp_path, images, committees, rows, validation)
    assert list(table[0]) == [
        "case", "site", "fold", "label", "probability", "threshold", "predicted"
    ]  # fmt: skip
    assert [row["case"] for row in table] == ["c00", "c01", "c02"]
    assert (table[2]["site"], table[2]["fold"], table[1]["label"]) == ("B", "", "drowning")

    def expected(case, members):
        image = _pixels(images[case])
        return np.mean([
            [network(slice_[None, None])[0].softmax(0)[1].item() for slice_ in image]
            for network in members
        ])  # fmt: skip

    for row, members in zip(table, [networks[:1], networks[1:], networks], strict=True):
        value = expected(row["case"], members)
        assert float(row["probability"]) == pytest.approx(value, abs=1e-6)
    assert [(row["fold"], row["case"], row["label"]) for row in inner] == [
        ("0", "c01", "drowning"), ("1", "c00", "other")
    ]  # fmt: skip
    for row, members in zip(inner, [networks[:1], networks[1:]], strict=True):
        value = expected(row["case"], members)
        assert float(row["probability"]) == pytest.approx(value, abs=1e-6)


def _pixels(path):
    import nibabel as nib

    data = nib.load(path).get_fdata()[:, :, SLICES]
    return torch.from_numpy(data.transpose(2, 1, 0) / 127.5 - 1).float()


def test_each_seed_has_its_own_probability_and_the_mean_is_theirs(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=3)
    paths = [tmp_path / f"{n}.ckpt" for n in range(4)]
    for n, path in enumerate(paths):
        save_network(path, n)
    # Seeds 0 and 1, folds 0 and 1; c02 is external.
    committees = {
        0: [paths[0:1], paths[2:3]],
        1: [paths[1:2], paths[3:4]],
        None: [paths[0:2], paths[2:4]],
    }
    validation = {0: ["c01"], 1: ["c00"]}
    rows = rows_of(labels)
    rows[2]["fold"] = None
    table, inner, seeds = predict(tmp_path, images, committees, rows, validation)
    assert [(row["case"], row["seed"]) for row in seeds] == [
        (case, seed) for case in images for seed in "01"
    ]
    alone = {(row["case"], row["seed"]): float(row["probability"]) for row in seeds}
    for row in table:
        of_seeds = [alone[row["case"], "0"], alone[row["case"], "1"]]
        assert float(row["probability"]) == pytest.approx(np.mean(of_seeds), abs=1e-7)
        assert of_seeds[0] != of_seeds[1]
    of_inner = []
    for seed in (0, 1):
        only = {fold: [committee[seed]] for fold, committee in committees.items()}
        one, one_inner, _ = predict(tmp_path, images, only, rows, validation, name=f"s{seed}")
        for row in one:
            assert float(row["probability"]) == pytest.approx(alone[row["case"], str(seed)])
        of_inner.append([float(row["probability"]) for row in one_inner])
    both = [float(row["probability"]) for row in inner]
    assert both == pytest.approx(np.mean(of_inner, axis=0), abs=1e-7)


def fold_study(folder, cases=8):
    """Two folds of noise and blocks; each fold's inner validation part is half of the other."""
    images, labels = write_cohort(folder, "slices", cases=cases + 2)
    for fold in (0, 1):
        save_network(folder / f"{fold}.ckpt", fold)
    rows = rows_of(labels)
    for n, row in enumerate(rows):
        row["fold"] = n // 2 % 2 if n < cases else None
    committees = {fold: [[folder / f"{fold}.ckpt"]] for fold in (0, 1)}
    committees[None] = [[folder / "0.ckpt", folder / "1.ckpt"]]
    validation = {
        fold: [row["case"] for row in rows if row["fold"] == 1 - fold][: cases // 2]
        for fold in (0, 1)
    }
    return images, committees, rows, validation


def test_a_case_is_called_by_the_threshold_of_its_fold(tmp_path):
    images, committees, rows, validation = fold_study(tmp_path)
    table, inner, _ = predict(tmp_path, images, committees, rows, validation)
    thresholds = {}
    for fold in ("0", "1"):
        here = [row for row in inner if row["fold"] == fold]
        labels = np.array([row["label"] == "drowning" for row in here])
        values = np.array([float(row["probability"]) for row in here])
        fpr, tpr, _ = roc_curve(labels, values, drop_intermediate=False)
        (threshold,) = {float(row["threshold"]) for row in table if row["fold"] == fold}
        called = values >= threshold
        youden = called[labels].mean() - called[~labels].mean()
        assert youden == pytest.approx((tpr - fpr).max())
        thresholds[fold] = threshold
    assert thresholds["0"] != thresholds["1"]
    for row in table:
        expected = thresholds.get(row["fold"], np.mean(list(thresholds.values())))
        assert float(row["threshold"]) == pytest.approx(expected, abs=1e-8)
        called = float(row["probability"]) >= float(row["threshold"])
        assert row["predicted"] == CLASSES[called]
    assert {row["predicted"] for row in table} == set(CLASSES)


@pytest.mark.parametrize("fold", [0, 1, None])
@pytest.mark.parametrize("change", ["image", "label"])
def test_a_test_case_has_no_say_in_its_folds_threshold(tmp_path, fold, change):
    images, committees, rows, validation = fold_study(tmp_path)
    before, _, _ = predict(tmp_path, images, committees, rows, validation)
    for row in rows:
        if row["fold"] == fold and change == "image":
            noise = np.random.default_rng(9).integers(0, 256, SHAPE).astype(float)
            write_case(tmp_path, row["case"], "slices", noise)
        elif row["fold"] == fold:
            row["label"] = CLASSES[row["label"] == "other"]
    after, _, _ = predict(tmp_path, images, committees, rows, validation)

    def of(table, column):
        own = "" if fold is None else str(fold)
        return [row[column] for row in table if row["fold"] == own]

    changed = "probability" if change == "image" else "label"
    assert of(before, changed) != of(after, changed)
    if fold is not None:
        assert of(before, "threshold") == of(after, "threshold")
    else:
        assert [row["threshold"] for row in before] == [row["threshold"] for row in after]


def test_any_division_of_the_cohort_gives_the_same_rows(tmp_path):
    images, committees, rows, validation = fold_study(tmp_path)
    everyone, _, everyones_seeds = predict(tmp_path, images, committees, rows, validation)
    assert len(everyone) == len(everyones_seeds) == 10
    found, of_seeds = [], []
    for part in (rows[:1], rows[1:2], rows[2:9], rows[9:]):
        mine = {row["case"]: images[row["case"]] for row in part}
        out = {"table": tmp_path / "part.tsv", "seeds": tmp_path / "part.seeds.tsv"}
        predict_cases(
            mine, committees, part, tmp_path / "m.thresholds.tsv", CLASSES, MODEL, SETTINGS, out
        )
        found += read(out["table"])
        of_seeds += read(out["seeds"])
    assert (found, of_seeds) == (everyone, everyones_seeds)


def test_a_case_without_an_image_is_left_out_and_changes_no_other(tmp_path):
    images, committees, rows, validation = fold_study(tmp_path)
    everyone, inner, seeds = predict(tmp_path, images, committees, rows, validation)
    # Neither case is in a validation part: c09 is external.
    assert not {"c09"} & {row["case"] for row in inner}
    without = {case: path for case, path in images.items() if case != "c09"}
    fewer = predict(tmp_path, without, committees, rows, validation)
    assert fewer == (everyone[:-1], inner, seeds[:-1])


def test_a_validation_case_without_an_image_has_no_say(tmp_path):
    images, committees, rows, validation = fold_study(tmp_path)
    before = choose(tmp_path, images, committees, rows, validation)
    gone = validation[1][0]
    without = {case: path for case, path in images.items() if case != gone}
    after = choose(tmp_path, without, committees, rows, validation)
    assert after == [row for row in before if (row["fold"], row["case"]) != ("1", gone)]
    nobody = choose(tmp_path, {}, committees, rows, validation)
    assert nobody == []
    assert read_thresholds(tmp_path / "m.thresholds.tsv") == {0: 0.5, 1: 0.5, None: 0.5}


@pytest.mark.parametrize("lacking", ["images", "rows"])
def test_a_part_without_cases_has_tables_of_heads_alone(tmp_path, lacking):
    images, committees, rows, validation = fold_study(tmp_path)
    choose(tmp_path, images, committees, rows, validation)
    out = {"table": tmp_path / "p.tsv", "seeds": tmp_path / "p.seeds.tsv"}
    # Its networks need not be there: none is loaded.
    (tmp_path / "0.ckpt").unlink()
    predict_cases(
        {} if lacking == "images" else images, committees, [] if lacking == "rows" else rows,
        tmp_path / "m.thresholds.tsv", CLASSES, MODEL, SETTINGS, out,
    )  # fmt: skip
    assert out["table"].read_text() == (
        "case\tsite\tfold\tlabel\tprobability\tthreshold\tpredicted\n"
    )
    assert out["seeds"].read_text() == "case\tseed\tprobability\n"


def test_thresholds_read_are_those_written(tmp_path):
    images, committees, rows, validation = fold_study(tmp_path)
    table, _, _ = predict(tmp_path, images, committees, rows, validation)
    read_back = read_thresholds(tmp_path / "m.thresholds.tsv")
    assert list(read_back) == [0, 1, None]
    assert read_back[None] == pytest.approx((read_back[0] + read_back[1]) / 2, abs=1e-8)
    assert {row["threshold"] for row in table} == {f"{v:.8g}" for v in read_back.values()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fold\tthreshold\n0\t0.5\n", r"has no threshold for the folds 1, None: .* made anew"),
        ("fold\tthreshold\n0\t\n", r"cannot be read as a table of thresholds .* made anew"),
        ("fold\n0\n", r"cannot be read as a table of thresholds .* made anew"),
        ("fold\tthreshold\n0\n", r"cannot be read as a table of thresholds .* made anew"),
        (None, r"cannot be read as a table of thresholds .* made anew"),
    ],
)
def test_thresholds_of_another_study_are_refused(tmp_path, text, message):
    images, committees, rows, _ = fold_study(tmp_path)
    if text is not None:
        (tmp_path / "t.tsv").write_text(text)
    out = {"table": tmp_path / "p.tsv", "seeds": tmp_path / "p.seeds.tsv"}
    with pytest.raises(InputError, match=message):
        predict_cases(
            images, committees, rows, tmp_path / "t.tsv", CLASSES, MODEL, SETTINGS, out
        )  # fmt: skip
    assert not out["table"].exists()


def test_each_network_is_loaded_once_and_dropped_when_done():
    folds = {f"c{n}": [[f"fold{n % 3}"]] for n in range(6)}
    outside = [["fold0", "fold1", "fold2"]]
    committees = {**folds, "x1": outside, "x2": outside}
    loads: list[str] = []

    def load(path):
        loads.append(path)
        module = nn.Module()
        module.path = path
        return module

    judged = {}
    for panel in panels(committees, load):
        for case in panel.cases:
            judged[case] = [[network.path for network in seed] for seed in panel.by_seed]
    assert sorted(loads) == ["fold0", "fold1", "fold2"]
    assert judged == committees


@pytest.mark.parametrize("stage", ["threshold", "predict"])
def test_a_job_loads_each_network_once_and_each_image_when_due(tmp_path, monkeypatch, stage):
    images, committees, rows, validation = fold_study(tmp_path)
    choose(tmp_path, images, committees, rows, validation)
    done = []

    def load(path, *how):
        done.append(Path(path).name)
        return load_network(path, *how)

    monkeypatch.setitem(judge.__globals__, "load_network", load)
    if stage == "threshold":
        choose(tmp_path, images, committees, rows, validation)
    else:
        out = {"table": tmp_path / "p.tsv", "seeds": tmp_path / "p.seeds.tsv"}
        predict_cases(
            images, committees, rows, tmp_path / "m.thresholds.tsv", CLASSES, MODEL, SETTINGS, out
        )
    assert sorted(done) == ["0.ckpt", "1.ckpt"]


def test_few_cases_are_in_memory_at_a_time(tmp_path, monkeypatch):
    images, committees, rows, _ = fold_study(tmp_path, cases=10)
    alive = weakref.WeakSet()
    most = []

    def load(path):
        case = load_case(path)
        alive.add(case.pixels)
        most.append(len(alive))
        return case

    monkeypatch.setitem(judge.__globals__, "load_case", load)
    wanted = [(row["case"], row["fold"]) for row in rows]
    assert len(judge(images, wanted, committees, MODEL, SETTINGS)) == 12
    assert len(most) == 13
    # The model of what networks get; a case judged, one read, and others giving place to them.
    assert max(most) <= 5


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_reading_ahead_changes_nothing(tmp_path, threads):
    images, committees, rows, _ = fold_study(tmp_path)
    wanted = [(row["case"], row["fold"]) for row in rows]
    alone = {
        key: judge(images, [key], committees, MODEL, SETTINGS)[key] for key in reversed(wanted)
    }
    together = judge(images, wanted, committees, MODEL, {**SETTINGS, "threads": threads})
    torch.set_num_threads(1)
    assert list(together) == wanted
    if threads == 1:
        assert together == alone
    for key in wanted:
        assert together[key] == pytest.approx(alone[key], abs=1e-6)


def test_weights_of_another_input_are_refused(tmp_path):
    images, labels = write_cohort(tmp_path, "subset", cases=1)
    save_network(tmp_path / "w.ckpt", 0, channels=1)
    committees = {0: [[tmp_path / "w.ckpt"]]}
    with pytest.raises(InputError, match=r"conv1.weight: shape \(4, 1, 7, 7\)"):
        predict(
            tmp_path, images, committees, rows_of(labels), {0: ["c00"]},
            {**MODEL, "input": "subset"},
        )  # fmt: skip
    assert not list(tmp_path.glob("*.tsv"))


def test_probabilities_that_are_not_finite_name_their_cases(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=3)
    network = save_network(tmp_path / "good.ckpt", 0)
    network.fc.bias.data[:] = math.nan
    torch.save(network.state_dict(), tmp_path / "bad.ckpt")
    committees = {0: [[tmp_path / "good.ckpt"]], 1: [[tmp_path / "bad.ckpt"]]}
    rows, validation = rows_of(labels), {0: ["c01"], 1: ["c00", "c02"]}
    with pytest.raises(InputError, match=r"no finite probability(.|\n)*- c00\n  - c02$"):
        choose(tmp_path, images, committees, rows, validation)
    assert not list(tmp_path.glob("*.tsv"))
    (tmp_path / "t.tsv").write_text("fold\tthreshold\n0\t0.5\n1\t0.5\n")
    out = {"table": tmp_path / "p.tsv", "seeds": tmp_path / "p.seeds.tsv"}
    with pytest.raises(InputError, match=r"no finite probability(.|\n)*- c01$"):
        predict_cases(
            images, committees, rows, tmp_path / "t.tsv", CLASSES, MODEL, SETTINGS, out
        )  # fmt: skip
    assert not out["table"].exists()
    assert not out["seeds"].exists()
