"""A user's own network: found, built, tried, run; and what is said where that fails."""

from __future__ import annotations

import os
import py_compile
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rightreason.cam import layer_evidence
from rightreason.committee import load_network
from rightreason.errors import InputError
from rightreason.networks import build
from rightreason.own_networks import complete, construct
from rightreason.samples import load_case, to_input
from rightreason.weights import read_state
from safetensors.torch import load_file, save_file
from torch import nn

from tests.own_networks import apart, logits, write_module
from tests.prepared import write_cohort

NETS = """
import torch
from torch import nn

class Two(nn.Module):
    def __init__(self, spatial_dims, in_channels, out_channels, bias=0.0):
        super().__init__()
        self.got = (spatial_dims, in_channels, out_channels)
        self.bias = nn.Parameter(torch.tensor([0.0, bias]))
    def forward(self, x):
        return x.flatten(1).mean(1, keepdim=True) + self.bias

class Bare(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :1]

class Wide(Bare):
    def forward(self, x):
        return x.flatten(1)[:, :3]

class Image(Bare):
    def forward(self, x):
        return x

class Pair(Bare):
    def forward(self, x):
        return x, x

class Broken(Bare):
    def forward(self, x):
        return x @ x.new_zeros(7, 7, 7)

class Undefined(Bare):
    def forward(self, x):
        return x.flatten(1)[:, :2] * float("nan")

class Picky(nn.Module):
    def __init__(self, width):
        raise RuntimeError("no such width")

class Drawing(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Dropout()
        self.inner.eval()
    def forward(self, x):
        torch.rand(3)
        return x.flatten(1)[:, :2]

class Softmax(Bare):
    def forward(self, x):
        z = x.mean((2, 3)) * self.scale
        return torch.cat([-z, z], 1).softmax(1)
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale

class Once(Bare):
    '''By chance 0.25 and 0.75 of a black image, and 0.25 and 1.25 of a grey one.'''
    def forward(self, x):
        return torch.cat([x.new_full((len(x), 1), 0.25), 1.25 + x.mean((2, 3)) / 2], 1)

class NoNetwork:
    pass

def made(in_channels):
    return Two(2, in_channels, 5)

constant = 3
"""


@pytest.fixture
def code(tmp_path: Path) -> Iterator[str]:
    """A folder with the module `nets`, forgotten afterwards."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "nets.py").write_text(NETS)
    before = list(sys.path), set(sys.modules)
    yield str(folder)
    sys.path[:] = before[0]
    for name in set(sys.modules) - before[1]:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def refused(name: str, code: str | None, options: dict | None = None) -> str:
    def built() -> None:
        complete(construct(name, 2, 1, options or {}, code), torch.zeros(2, 1, 4, 4), name)

    with pytest.raises(InputError) as caught:
        built()
    return str(caught.value)


def test_a_class_gets_of_the_study_what_its_signature_names(code: str) -> None:
    assert construct("nets:Two", 3, 4, {}, code).got == (3, 4, 2)
    assert construct("nets:Two", 3, 4, {"out_channels": 1}, code).got == (3, 4, 1)
    assert construct("nets:made", 3, 4, {}, code).got == (2, 4, 5)
    assert type(construct("nets:Bare", 2, 1, {}, code)).__name__ == "Bare"
    biased = build("nets:Two", 2, 1, options={"bias": 1.5}, code=code)
    assert biased.bias.tolist() == [0.0, 1.5]


def test_an_outdated_compiled_file_is_not_used_and_none_is_left(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As left by the user's own runs: of the same size and time as the edited source."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    source = Path(code) / "edited.py"
    source.write_text("from torch.nn import Flatten as Net  # 1\n")
    state = source.stat()
    compiled = Path(py_compile.compile(str(source), doraise=True))
    source.write_text("from torch.nn import Dropout as Net  # 1\n")
    os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert source.stat().st_size == state.st_size
    assert isinstance(construct("edited:Net", 2, 1, {}, code), nn.Dropout)
    construct("nets:Two", 2, 1, {}, code)
    assert list(Path(code).rglob("*.pyc")) == [compiled]
    assert (sys.dont_write_bytecode, sys.pycache_prefix) == (False, None)


def test_two_logits_are_left_as_they_are(code: str) -> None:
    network, x = construct("nets:Two", 2, 1, {"bias": 2.0}, code), torch.ones(3, 1, 4, 4)
    complete(network, x, "nets:Two")
    assert torch.equal(network(x), torch.tensor([[1.0, 3.0]] * 3))
    assert not network._forward_hooks


def test_one_logit_is_the_log_odds_of_the_positive_class(code: str) -> None:
    network, x = construct("nets:Bare", 2, 1, {}, code), torch.randn(5, 1, 4, 4)
    complete(network, x, "nets:Bare")
    given = network(x)
    assert given.shape == (5, 2)
    z = x[:, 0, 0, 0]
    torch.testing.assert_close(given.softmax(1)[:, 1], torch.sigmoid(z))
    torch.testing.assert_close(given[:, 1] - given[:, 0], z)


def test_a_single_logit_is_explained_for_either_class_by_the_layers_own_names(
    code: str, tmp_path: Path
) -> None:
    write_module(tmp_path / "code", "small_single")
    network, x = construct("small_single:Small", 2, 1, {}, code), torch.randn(2, 1, 8, 8)
    names = [name for name, _ in network.named_modules()]
    complete(network, x, "small_single:Small")
    assert [name for name, _ in network.named_modules()] == names
    _, positive = layer_evidence(network, x, ["features.2"], 1)
    _, negative = layer_evidence(network, x, ["features.2"], 0)
    gradient = positive["features.2"].gradient
    assert gradient.abs().max() > 0
    torch.testing.assert_close(negative["features.2"].gradient, -gradient)


def test_the_trial_changes_neither_mode_nor_random_state(code: str) -> None:
    network = construct("nets:Drawing", 2, 1, {}, code)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    complete(network, torch.zeros(1, 1, 4, 4), "nets:Drawing")
    assert torch.equal(torch.get_rng_state(), before)
    assert network.training
    assert not network.inner.training


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nets:Wide", r"gives a tensor of shape \(1, 3\) .*expected logits as a tensor of shape"),
        ("nets:Image", r"gives a tensor of shape \(1, 1, 4, 4\)"),
        ("nets:Pair", r"gives a tuple for one sample"),
        ("nets:Undefined", r"gives NaN or infinity"),
        ("nets:Broken", r"fails on an input of shape \(1, 1, 4, 4\): RuntimeError"),
        ("nets:NoNetwork", r"gives a NoNetwork; expected a network, a torch.nn.Module"),
        ("nets:Picky", r"cannot be built as Picky\(\): TypeError: .*missing .*'width'"),
        ("nets:Other", r"has no class Other. Networks in it: Bare, Broken, .*Two, .*Wide"),
        ("nets:constant", r"has no class constant"),
        ("absent:Net", r"There is no module absent in the folder"),
        ("nets.inner:Net", r"nets.inner in the folder .* cannot be imported|no module nets.inner"),
    ],
)
def test_what_is_said_of_a_network_that_is_none(code: str, name: str, said: str) -> None:
    assert re.search(said, refused(name, code))


def test_what_is_said_of_constructors_that_refuse(code: str) -> None:
    text = refused("nets:Picky", code, {"width": 3})
    assert "cannot be built as Picky(width=3): RuntimeError: no such width. Correct" in text
    text = refused("nets:Two", code, {"depth": 1})
    assert "Two(spatial_dims=2, in_channels=1, out_channels=2, depth=1): TypeError" in text


def test_probabilities_are_no_logits(code: str) -> None:
    """Of a black image, -1, and of a grey one, 0; they may be 0 and 1 to the last digit."""
    for scale, said in ((1.0, "0.881 + 0.119 and 0.5 + 0.5"), (500.0, "1 + 0 and 0.5 + 0.5")):
        network = construct("nets:Softmax", 2, 1, {"scale": scale}, code)
        with pytest.raises(InputError) as caught:
            complete(network, -torch.ones(1, 1, 4, 4), "nets:Softmax")
        assert str(caught.value) == (
            f"The network nets:Softmax gives what looks like probabilities, {said} for two "
            "images; expected logits: leave out the last softmax."
        )


def test_logits_that_sum_to_1_by_chance_are_logits(code: str) -> None:
    network, black = construct("nets:Once", 2, 1, {}, code), -torch.ones(1, 1, 4, 4)
    complete(network, black, "nets:Once")
    assert network(black).tolist() == [[0.25, 0.75]]
    assert network(black + 1).tolist() == [[0.25, 1.25]]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_thing", "needs the module no_such_thing, which is not installed"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("def (", "cannot be imported: SyntaxError"),
    ],
)
def test_modules_that_fail(code: str, source: str, said: str) -> None:
    (Path(code) / "failing.py").write_text(source)
    assert said in refused("failing:Net", code)


def test_a_module_that_another_hides(code: str) -> None:
    (Path(code) / "statistics.py").write_text(NETS)
    import statistics

    assert statistics.mean([1, 3]) == 2
    assert "is hidden by another of that name" in refused("statistics:Two", code)


def test_an_installed_class_needs_no_folder() -> None:
    network = construct("torch.nn:Flatten", 2, 1, {}, None)
    assert isinstance(network, nn.Flatten)
    assert "There is no module no_such_package installed" in refused("no_such_package:Net", None)


def test_a_network_is_loaded_with_its_weights_and_gives_what_it_gives_alone(
    code: str, tmp_path: Path
) -> None:
    write_module(tmp_path / "code", "small_loaded")
    torch.manual_seed(3)
    alone = apart(3, width=5)
    save_file(alone.state_dict(), tmp_path / "w.safetensors")
    torch.save({"state_dict": {f"model.{k}": v for k, v in alone.state_dict().items()}, "epoch": 3},
               tmp_path / "w.ckpt")  # fmt: skip
    pixels = torch.randint(0, 256, (4, 1, 12, 10), dtype=torch.uint8)
    expected = logits(alone, (pixels.float() / 127.5 - 1).expand(-1, 3, -1, -1))[:, 0]
    model = {"network": "small_loaded:Small", "options": {"width": 5}, "code": code}
    for name in ("w.safetensors", "w.ckpt"):
        network = load_network(tmp_path / name, model, pixels, 3)
        given = network(to_input(pixels, 3))
        torch.testing.assert_close(given[:, 1] - given[:, 0], expected)
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())


def test_initial_weights_must_be_exactly_those_of_the_network(code: str, tmp_path: Path) -> None:
    write_module(tmp_path / "code", "small_begun")
    save_file(apart(1, width=4).state_dict(), tmp_path / "w.safetensors")
    name, weights = "small_begun:Small", tmp_path / "w.safetensors"
    network = build(name, 2, 1, weights=weights, code=code)
    assert torch.equal(network.head.bias, load_file(weights)["head.bias"])
    with pytest.raises(InputError, match=r"head.weight: shape \(1, 4\), the network has \(1, 8\)"):
        build(name, 2, 1, options={"width": 8}, weights=weights, code=code)


def test_an_own_network_is_trained_like_ours(code: str, tmp_path: Path) -> None:
    """It starts at the given weights, gives one logit, and what it learnt is read again."""
    from rightreason.train import train_fold

    write_module(tmp_path / "code", "small_trained")
    images, labels = write_cohort(tmp_path / "images", "slices")
    parts = {case: "validation" if n < 4 else "train" for n, case in enumerate(images)}
    save_file(apart(1).state_dict(), tmp_path / "w.safetensors")
    model = {
        "input": "slices", "network": "small_trained:Small", "code": code, "epochs": 2, "batch": 8,
        "weights": str(tmp_path / "w.safetensors"), "learning_rate": 0.1,
    }  # fmt: skip
    settings = {"patience": 5, "precision": "32", "device": "cpu", "threads": 1,
                "weight_decay": 0.0, "augment": False}  # fmt: skip
    train_fold(images, labels, parts, model, settings, 0, tmp_path / "out", tmp_path / "kept", "c")
    learnt = read_state(tmp_path / "out" / "weights.ckpt")
    begun = load_file(tmp_path / "w.safetensors")
    assert learnt.keys() == begun.keys()
    assert not torch.equal(learnt["head.weight"], begun["head.weight"])
    pixels = load_case(next(iter(images.values()))).pixels
    network = load_network(tmp_path / "out" / "weights.ckpt", model, pixels, 1)
    alone = apart(1)
    alone.load_state_dict(learnt)
    z = logits(alone, pixels.float() / 127.5 - 1)[:, 0]
    torch.testing.assert_close(network(to_input(pixels, 1)).softmax(1)[:, 1], torch.sigmoid(z))
