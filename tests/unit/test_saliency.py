"""Maps in patient space, of the networks that predicted; each empty one with its reason."""

import csv
import weakref

import nibabel as nib
import numpy as np
import pytest
import torch
from rightreason import answers
from rightreason import explain as explain_module
from rightreason.cam import layer_evidence, upsample
from rightreason.cam_formulas import gradcam
from rightreason.committee import load_network
from rightreason.errors import InputError
from rightreason.explain import target_layers
from rightreason.images import load
from rightreason.networks import build
from rightreason.perturbed_cam import ablationcam, scorecam
from rightreason.predict import predict_cases
from rightreason.saliency import explain_cases
from rightreason.samples import load_case
from torch import nn

from tests.prepared import AFFINE, SHAPE, SLICES, write_case, write_cohort

torch.set_num_threads(1)

OPTIONS = {"block_inplanes": [4, 4, 8, 8], "no_max_pool": True}
CLASSES = ["other", "drowning"]
SETTINGS = {"device": "cpu", "threads": 1, "batch": 3}
CAMS = {"gradcam": {"algorithm": "gradcam"}, "deep": {"algorithm": "hirescam", "layer": "layer2"}}
GRADIENTS = {"ig": {"algorithm": "integrated_gradients", "steps": 4, "baseline": 0.0}}
PERTURBED = {
    "score": {"algorithm": "scorecam", "baseline": 0.0, "layer": None},
    "ablation": {"algorithm": "ablationcam", "layer": "layer2"},
}
CHANNELS = {"slices": 1, "subset": len(SLICES), "volume": 1}


class Study:
    """One fold's worth of finished stages before `saliency`, with networks of random weights."""

    def __init__(self, folder, kind, cases=2, networks=1, seeds=1, **model):
        self.folder, self.kind, self.seeds = folder, kind, seeds
        self.model = {
            "input": kind, "network": "ResNet10", "options": OPTIONS, "channels": None,
            "target_layer": "layer3", **model,
        }  # fmt: skip
        self.images, self.labels = write_cohort(folder / "prepare", kind, cases=cases)
        self.networks = [self.network(seed) for seed in range(networks)]
        self.save()

    def network(self, seed):
        torch.manual_seed(seed)
        dims = 3 if self.kind == "volume" else 2
        channels = self.model["channels"] or CHANNELS[self.kind]
        return build("ResNet10", dims, channels, 2, OPTIONS).eval()

    def save(self):
        """Write weights and the predictions that go with them."""
        paths = [self.folder / f"{n}.ckpt" for n in range(len(self.networks))]
        for path, network in zip(paths, self.networks, strict=True):
            torch.save(network.state_dict(), path)
        each = len(paths) // self.seeds
        by_seed = [paths[s * each : (s + 1) * each] for s in range(self.seeds)]
        self.committees = {0: by_seed}
        self.rows = [
            {"case": c, "site": "A", "fold": 0, "label": CLASSES[self.labels[c]]}
            for c in self.images
        ]
        self.table = self.folder / "predict.tsv"
        self.predict()

    def predict(self):
        thresholds = self.folder / "thresholds.tsv"
        folds = [("" if fold is None else str(fold)) for fold in self.committees]
        lines = ["fold\tthreshold", *(f"{fold}\t0.5" for fold in folds)]
        thresholds.write_text("\n".join(lines) + "\n")
        predict_cases(
            self.images, self.committees, self.rows, thresholds, CLASSES, self.model, SETTINGS,
            {"table": self.table, "seeds": self.folder / "seeds.tsv"},
        )  # fmt: skip

    def explain(self, methods, target="positive", batch=3, rows=None, name="out"):
        out = {method: self.folder / name / method for method in methods}
        explain_cases(
            self.images, self.committees, self.rows if rows is None else rows, self.table, CLASSES,
            self.model, {**SETTINGS, "batch": batch, "methods": methods, "target": target},
            list(out.values()),
        )  # fmt: skip
        return {method: read(folder / "maps.tsv") for method, folder in out.items()}

    def map(self, method, case):
        image = nib.load(self.folder / "out" / method / f"{case}.nii.gz")
        return image, np.asarray(image.dataobj)

    def input(self, case):
        data = np.asarray(nib.load(self.images[case]).dataobj).transpose(2, 1, 0) / 127.5 - 1
        x = torch.from_numpy(data).float()
        chosen = x[SLICES]
        return {"slices": chosen[:, None], "subset": chosen[None], "volume": x[None, None]}[
            self.kind
        ]


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("kind", ["slices", "subset", "volume"])
def test_maps_are_those_of_the_formula_put_back_in_patient_space(tmp_path, kind):
    study = Study(tmp_path, kind, networks=2)
    table = study.explain({**CAMS, **GRADIENTS})
    for case in study.images:
        x = study.input(case)
        maps = [
            upsample(gradcam(layer_evidence(network, x, ["layer3"], 1)[1]["layer3"]), x.shape[2:])
            for network in study.networks
        ]
        expected = torch.stack(maps).mean(0).numpy()
        image, values = study.map("gradcam", case)
        assert np.allclose(image.affine, AFFINE)
        assert values.shape == SHAPE
        assert values.dtype == np.float32
        placed = values.transpose(2, 1, 0)
        if kind == "volume":
            np.testing.assert_allclose(placed, expected[0, 0], atol=1e-6)
        else:
            np.testing.assert_allclose(
                placed[SLICES], np.broadcast_to(expected[:, 0], (4, 20, 24)), atol=1e-6
            )
            unseen = [z for z in range(SHAPE[2]) if z not in SLICES]
            assert not placed[unseen].any()
    row = table["gradcam"][0]
    assert row["layer"] == "layer3"
    assert table["deep"][0]["layer"] == "layer2"
    assert (table["ig"][0]["layer"], table["ig"][0]["upsampling"]) == ("input", "none")
    mode = "trilinear" if kind == "volume" else "bilinear"
    assert row["upsampling"] == f"{mode}, align_corners=False"
    with torch.no_grad():
        logits = torch.cat([network(study.input("c00")) for network in study.networks])
    assert float(row["logit"]) == pytest.approx(logits[:, 1].mean().item(), abs=1e-5)


def test_integrated_gradients_add_up_and_differ_between_slices_of_a_subset(tmp_path):
    study = Study(tmp_path, "subset", cases=1)
    study.explain({"ig": {**GRADIENTS["ig"], "steps": 256}})
    values = study.map("ig", "c00")[1]
    x = study.input("c00")
    network = study.networks[0]
    with torch.no_grad():
        change = (network(x) - network(torch.full_like(x, -1.0)))[0, 1].item()
    assert values.sum() == pytest.approx(change, abs=0.05 * abs(change) + 1e-3)
    assert not np.allclose(values[:, :, SLICES[0]], values[:, :, SLICES[1]])


@pytest.mark.parametrize("kind", ["slices", "subset", "volume"])
def test_perturbed_cams_are_upsampled_maps_of_a_layer(tmp_path, kind):
    study = Study(tmp_path, kind, cases=1, networks=2)
    table = study.explain(PERTURBED)
    x = study.input("c00")
    mode = "trilinear" if kind == "volume" else "bilinear"
    for name, algorithm, layer in (
        ("score", scorecam, "layer3"),
        ("ablation", ablationcam, "layer2"),
    ):
        maps = [algorithm(n, x, layer, 1, PERTURBED["score"], 64) for n in study.networks]
        expected = upsample(torch.stack(maps).mean(0), x.shape[2:])[:, 0].numpy()
        placed = study.map(name, "c00")[1].transpose(2, 1, 0)
        found = placed if kind == "volume" else placed[SLICES]
        tolerance = 1e-5 * abs(expected).max()
        np.testing.assert_allclose(
            found, np.broadcast_to(expected[0] if kind == "volume" else expected, found.shape),
            atol=tolerance,
        )  # fmt: skip
        assert table[name][0]["layer"] == layer
        assert table[name][0]["upsampling"] == f"{mode}, align_corners=False"
        assert (table[name][0]["reason"] == "") == (expected.max() > 0)


def test_all_families_at_once_are_each_as_if_alone(tmp_path):
    study = Study(tmp_path, "slices", cases=1)
    everything = {**GRADIENTS, **PERTURBED, **CAMS}
    table = study.explain(everything)
    together = {name: study.map(name, "c00")[1] for name in everything}
    for name, method in everything.items():
        assert study.explain({name: method}) == {name: table[name]}
        np.testing.assert_allclose(study.map(name, "c00")[1], together[name], atol=1e-6)


def test_where_the_device_is_full_half_the_samples_are_made_at_once(tmp_path, caplog, monkeypatch):
    study = Study(tmp_path, "slices", cases=3)
    study.explain({**CAMS, **GRADIENTS, **PERTURBED}, batch=1)
    alone = {m: study.map(m, "c01")[1] for m in (*CAMS, *GRADIENTS, *PERTURBED)}
    sizes, ask = [], explain_module.answers

    def answers_of_a_small_device(network, x, question, batch):
        sizes.append(len(x))
        if max(len(x), batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return ask(network, x, question, batch)

    monkeypatch.setattr(explain_module, "answers", answers_of_a_small_device)
    with caplog.at_level("WARNING"):
        table = study.explain({**CAMS, **GRADIENTS, **PERTURBED}, batch=4)
    # The first case with 4, 2 and then 1 at once; from then on each of the 4 samples by itself.
    assert sizes == [4, 2, *[1] * 4, *[1] * 4, *[1] * 4]
    assert [record.args[:3] for record in caplog.records] == [("c00", 4, 2), ("c00", 2, 1)]
    assert [row["case"] for row in table["deep"]] == ["c00", "c01", "c02"]
    for method, values in alone.items():
        assert np.array_equal(study.map(method, "c01")[1], values)


def test_the_batch_size_changes_nothing(tmp_path):
    study = Study(tmp_path, "slices", cases=1, networks=2)
    study.explain({**CAMS, **GRADIENTS}, batch=1)
    alone = {m: study.map(m, "c00")[1] for m in (*CAMS, *GRADIENTS)}
    study.explain({**CAMS, **GRADIENTS}, batch=64)
    for method, values in alone.items():
        np.testing.assert_allclose(study.map(method, "c00")[1], values, atol=1e-6)


@pytest.mark.parametrize("kind", ["slices", "volume"])
def test_any_division_of_the_cohort_gives_the_same_maps_and_rows(tmp_path, kind):
    study = Study(tmp_path, kind, cases=4, networks=4, seeds=2)
    everyone = study.committees[0]
    study.committees = {0: [seed[:1] for seed in everyone], 1: everyone, None: everyone}
    for row, fold in zip(study.rows, (0, 1, 0, None), strict=True):
        row["fold"] = fold
    study.predict()
    methods = {**CAMS, **GRADIENTS}
    whole = study.explain(methods)
    parts = [study.rows[:1], study.rows[1:], []]
    tables = [study.explain(methods, rows=rows, name=f"{n}") for n, rows in enumerate(parts)]
    for method in methods:
        assert [row for table in tables for row in table[method]] == whole[method]
        assert len(whole[method]) == 4
        for number, rows in enumerate(parts):
            names = {
                f"{row['case']}{end}.nii.gz" for row in rows for end in ("", ".seed0", ".seed1")
            }
            folder = tmp_path / str(number) / method
            assert {path.name for path in folder.iterdir()} == {*names, "maps.tsv"}
            for name in names:
                everyones = tmp_path / "out" / method / name
                assert (folder / name).read_bytes() == everyones.read_bytes()


def test_a_case_without_an_image_is_left_out_and_changes_no_other(tmp_path):
    study = Study(tmp_path, "slices", cases=3)
    whole = study.explain(CAMS)
    # As it is where the first case could not be read, and was not predicted either.
    del study.images["c00"]
    study.predict()
    table = study.explain(CAMS, name="without")
    assert table == {method: rows[1:] for method, rows in whole.items()}
    for name in ("c01.nii.gz", "c02.nii.gz"):
        found = (tmp_path / "without/deep" / name).read_bytes()
        assert found == (tmp_path / "out/deep" / name).read_bytes()
    assert not (tmp_path / "without/deep/c00.nii.gz").exists()


def test_a_part_without_cases_has_a_table_of_heads_alone(tmp_path):
    study = Study(tmp_path, "slices", cases=1)
    (tmp_path / "0.ckpt").unlink()
    study.images.clear()
    study.explain(CAMS)
    for method in CAMS:
        assert [path.name for path in (tmp_path / "out" / method).iterdir()] == ["maps.tsv"]
        assert (tmp_path / "out" / method / "maps.tsv").read_text() == (
            "case\ttarget\tlayer\tupsampling\tlogit\tminimum\tmaximum\treason\n"
        )


def test_a_case_without_a_prediction_is_named(tmp_path):
    study = Study(tmp_path, "slices", cases=3)
    lines = study.table.read_text().splitlines(keepends=True)
    study.table.write_text("".join(lines[:2]))
    with pytest.raises(InputError, match=r"has no prediction(.|\n)*- c01\n  - c02$"):
        study.explain(CAMS)


def test_each_network_is_loaded_once_and_few_cases_are_in_memory_at_a_time(tmp_path, monkeypatch):
    study = Study(tmp_path, "slices", cases=12, networks=2)
    alive, most, loads = weakref.WeakSet(), [], []

    def read_case(path):
        samples = load_case(path)
        alive.add(samples.pixels)
        most.append(len(alive))
        return samples

    def read_network(path, **how):
        loads.append(path)
        return load_network(path, **how)

    monkeypatch.setitem(explain_cases.__globals__, "load_case", read_case)
    monkeypatch.setitem(explain_cases.__globals__, "load_network", read_network)
    assert len(study.explain(CAMS)["deep"]) == 12
    assert sorted(loads) == [str(tmp_path / "0.ckpt"), str(tmp_path / "1.ckpt")]
    assert len(most) == 13
    # The model of what networks get; a case explained, one read, and others giving place to them.
    assert max(most) <= 5


def test_a_repeated_grey_slice_has_one_map(tmp_path):
    study = Study(tmp_path, "slices", cases=1, channels=3)
    study.explain({**CAMS, **GRADIENTS})
    assert study.map("ig", "c00")[1].shape == SHAPE


@pytest.mark.parametrize(
    ("target", "expected"),
    [("positive", ["1", "1"]), ("label", ["0", "1"]), ("predicted", ["0", "0"])],
)
def test_the_explained_class(tmp_path, target, expected):
    study = Study(tmp_path, "slices")
    study.networks[0].fc.bias.data[:] = torch.tensor([50.0, -50.0])
    study.save()
    rows = study.explain(CAMS, target)["gradcam"]
    assert [row["target"] for row in rows] == expected
    signs = [float(row["logit"]) < 0 for row in rows]
    assert signs == [value == "1" for value in expected]


def test_the_predicted_class_is_the_one_that_the_table_names(tmp_path):
    study = Study(tmp_path, "slices")
    rows = read(study.table)
    for row, predicted in zip(rows, ["drowning", "other"], strict=True):
        row["predicted"] = predicted
    lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    study.table.write_text("\n".join(lines) + "\n")
    table = study.explain({"gradcam": CAMS["gradcam"]}, "predicted")["gradcam"]
    assert [row["target"] for row in table] == ["1", "0"]


def test_with_one_seed_nothing_more_is_written(tmp_path):
    study = Study(tmp_path, "slices", networks=2)
    study.explain(CAMS)
    written = {path.name for path in (tmp_path / "out/gradcam").iterdir()}
    assert written == {"c00.nii.gz", "c01.nii.gz", "maps.tsv"}


@pytest.mark.parametrize("kind", ["slices", "volume"])
def test_each_seed_has_the_map_of_its_networks_alone(tmp_path, kind):
    study = Study(tmp_path, kind, networks=4, seeds=2)
    study.explain({**CAMS, **GRADIENTS})
    methods = [*CAMS, *GRADIENTS]
    together = {(m, c): study.map(m, c)[1] for m in methods for c in study.images}
    of_seeds = {
        (m, c, s): study.map(m, f"{c}.seed{s}")
        for m in methods
        for c in study.images
        for s in (0, 1)
    }
    for (method, case), mean in together.items():
        maps = [of_seeds[method, case, seed][1] for seed in (0, 1)]
        assert not np.allclose(*maps)
        np.testing.assert_allclose(np.mean(maps, axis=0), mean, atol=1e-6)
        assert np.allclose(of_seeds[method, case, 0][0].affine, AFFINE)
    # A study of that seed alone makes the same maps.
    everyone = study.networks
    for seed in (0, 1):
        study.networks, study.seeds = everyone[2 * seed : 2 * seed + 2], 1
        study.save()
        study.explain({**CAMS, **GRADIENTS})
        for method in methods:
            alone = study.map(method, "c00")[1]
            np.testing.assert_allclose(of_seeds[method, "c00", seed][1], alone, atol=1e-6)


def test_a_seeds_empty_map_carries_its_own_reason(tmp_path):
    study = Study(tmp_path, "slices", cases=1, networks=2, seeds=2, target_layer="layer4")
    study.networks[0].fc.weight.data[1] = 1.0
    _emptied("dead layer", study.networks[1])
    study.save()
    table = study.explain({"gradcam": CAMS["gradcam"]})
    reasons = [
        study.map("gradcam", name)[0].header["descrip"].item().decode()
        for name in ("c00", "c00.seed0", "c00.seed1")
    ]
    assert reasons == ["", "", "dead layer"]
    assert table["gradcam"][0]["reason"] == ""


def test_the_layer_is_the_methods_then_the_models_then_the_last_convolution():
    network = build("VGG16", 2, 1, 2, {"hidden": 4})
    pixels = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    methods = {"a": {"algorithm": "gradcam", "layer": "features.3"}, "b": {"algorithm": "hirescam"}}
    methods |= {**GRADIENTS, "c": {"algorithm": "scorecam", "layer": None}}
    found = target_layers(network, pixels, 1, {}, methods)
    assert found == {"a": "features.3", "b": "features.28", "c": "features.28"}
    named = target_layers(network, pixels, 1, {"target_layer": "features.10"}, methods)
    assert named == {"a": "features.3", "b": "features.10", "c": "features.10"}


def test_an_unknown_layer_lists_those_there_are(tmp_path):
    study = Study(tmp_path, "slices", target_layer="layer5")
    with pytest.raises(InputError, match=r"no layer 'layer5'\. It has: conv1, .*layer4"):
        study.explain(CAMS)


def _emptied(reason, network):
    """Set weights by hand so that the map of `layer4` is empty for that reason."""
    with torch.no_grad():
        if reason == "dead layer":
            block = network.layer4[0]
            for norm in (block.bn2, block.downsample[1]):
                nn.init.zeros_(norm.weight)
                nn.init.constant_(norm.bias, -1.0)
        elif reason == "saturated output":
            nn.init.zeros_(network.fc.weight)
        else:
            network.fc.weight[1] = -1.0


@pytest.mark.parametrize("reason", ["dead layer", "saturated output"])
def test_an_empty_map_of_a_perturbed_cam_carries_its_reason(tmp_path, reason):
    study = Study(tmp_path, "slices", cases=1, target_layer="layer4")
    _emptied(reason, study.networks[0])
    study.save()
    table = study.explain({"a": {"algorithm": "ablationcam"}, "s": PERTURBED["score"]})
    assert table["a"][0]["reason"] == reason
    assert not study.map("a", "c00")[1].any()
    # All channels weigh the same where the output ignores them.
    assert (table["s"][0]["reason"] == reason) == (reason == "dead layer")


@pytest.mark.parametrize("reason", ["dead layer", "saturated output", "no positive evidence"])
def test_an_empty_map_carries_its_reason(tmp_path, reason):
    study = Study(tmp_path, "slices", cases=1, target_layer="layer4")
    _emptied(reason, study.networks[0])
    study.save()
    table = study.explain({"gradcam": CAMS["gradcam"]})
    image, values = study.map("gradcam", "c00")
    assert table["gradcam"][0]["reason"] == reason
    assert image.header["descrip"].item().decode() == reason
    assert values.max() <= 0
    assert (values.min() < 0) == (reason == "no positive evidence")


def test_a_map_with_evidence_needs_no_reason(tmp_path):
    study = Study(tmp_path, "slices", cases=1, target_layer="layer4")
    study.networks[0].fc.weight.data[1] = 1.0
    study.save()
    row = study.explain({"gradcam": CAMS["gradcam"]})["gradcam"][0]
    values = study.map("gradcam", "c00")[1]
    assert row["reason"] == ""
    assert float(row["maximum"]) == pytest.approx(values.max(), rel=1e-5)
    # Each unit of weight 1 passes on its mean: the map's mean is the logit less the bias.
    bias = study.networks[0].fc.bias[1].item()
    x = study.input("c00")
    deep = layer_evidence(study.networks[0], x, ["layer4"], 1)[1]["layer4"]
    assert gradcam(deep).sum().item() / len(x) == pytest.approx(
        float(row["logit"]) - bias, abs=1e-4
    )


def test_another_network_than_the_one_that_predicted_is_found_out(tmp_path):
    study = Study(tmp_path, "slices", cases=3)
    torch.save(study.network(9).state_dict(), tmp_path / "other.ckpt")
    study.committees[1] = [[tmp_path / "other.ckpt"]]
    study.rows[1]["fold"] = 1
    with pytest.raises(InputError, match=r"c01: the networks give .*not the same") as caught:
        study.explain(CAMS)
    assert "c00" not in str(caught.value)
    assert (tmp_path / "out/gradcam/c02.nii.gz").exists()
    assert not (tmp_path / "out/gradcam/c01.nii.gz").exists()
    assert not (tmp_path / "out/gradcam/maps.tsv").exists()


def test_a_map_with_nan_is_kept_with_its_reason_and_spares_the_others(tmp_path, monkeypatch):
    study = Study(tmp_path, "slices")
    write_case(tmp_path / "prepare", "c01", "slices", np.zeros(SHAPE))
    study.save()
    monkeypatch.setitem(
        answers.FORMULAS,
        "gradcam",
        lambda e: gradcam(e) / (0 if _black(e, study) else 1),
    )
    study.explain(CAMS)
    assert not np.isfinite(load(tmp_path / "out/gradcam/c01.nii.gz").data).all()
    assert np.isfinite(load(tmp_path / "out/gradcam/c00.nii.gz").data).all()
    with (tmp_path / "out/gradcam/maps.tsv").open() as file:
        reasons = {row["case"]: row["reason"] for row in csv.DictReader(file, delimiter="\t")}
    assert reasons["c01"] == "NaN or infinite values"
    assert reasons["c00"] != reasons["c01"]


def _black(evidence, study):
    x = torch.full((1, 1, 20, 24), -1.0)
    expected = layer_evidence(study.networks[0], x, ["layer3"], 1)[1]["layer3"].activation
    return torch.allclose(evidence.activation[0], expected[0], atol=1e-5)
