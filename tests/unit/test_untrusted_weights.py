"""Files of weights made to do harm; that no pickle in them is run, `test_networks` shows."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from rightreason.errors import InputError
from rightreason.networks import build, load_trained
from rightreason.weights import read_state
from safetensors.torch import save_file

from tests.bombs import repacked

OPTIONS = {"hidden": 8}


def network() -> torch.nn.Module:
    return build("AlexNet", 2, 1, 2, OPTIONS)


def test_weights_that_unpack_to_more_than_they_are(tmp_path: Path) -> None:
    path = tmp_path / "w.ckpt"
    torch.save({name: torch.zeros_like(v) for name, v in network().state_dict().items()}, path)
    load_trained(network(), path)
    build("AlexNet", 2, 1, 2, OPTIONS, path)
    repacked(path)
    with pytest.raises(InputError, match=r"w.ckpt .* unpacks to .* torch.save packs nothing"):
        load_trained(network(), path)
    with pytest.raises(InputError, match=r"w.ckpt .* unpacks to .* torch.save packs nothing"):
        build("AlexNet", 2, 1, 2, OPTIONS, path)


def test_tensors_that_repeat_the_few_numbers_they_hold(tmp_path: Path) -> None:
    """A first convolution of 10^12 channels in one number, over which `build` would sum."""
    state = network().state_dict()
    state["features.0.weight"] = torch.zeros(1).expand(64, 10**12, 11, 11)
    torch.save(state, tmp_path / "w.ckpt")
    with pytest.raises(InputError, match=r"w.ckpt does not hold all numbers .*(.|\n)*features.0"):
        build("AlexNet", 2, 1, 2, OPTIONS, tmp_path / "w.ckpt")


def test_weights_in_the_older_format_of_torch(tmp_path: Path) -> None:
    """As those that torchvision published are: no archive."""
    trained = network()
    torch.save(trained.state_dict(), tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    again = load_trained(network(), tmp_path / "w.pth")
    for name, value in trained.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_payload_is_not_run_wherever_it_stands(tmp_path: Path, name: str) -> None:
    evil = {"state_dict": network().state_dict(), "hyper_parameters": Payload(tmp_path / "ran")}
    torch.save(evil, tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} cannot be read as a file of weights"):
        read_state(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def safetensors(path: Path, header: Any, data: bytes, length: int | None = None) -> Path:
    """Write the format by hand: 8 bytes with the header's length, the header in JSON, the data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(shape: list[int], start: int, end: int, kind: str = "F32") -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def test_a_file_written_by_hand_is_read(tmp_path: Path) -> None:
    data = struct.pack("<4f", 1, 2, 3, 4)
    header = {"a": entry([2], 0, 8), "b.c": entry([1, 2], 8, 16), "__metadata__": {"from": "me"}}
    found = read_state(safetensors(tmp_path / "w.safetensors", header, data))
    assert {name: value.tolist() for name, value in found.items()} == {
        "a": [1.0, 2.0],
        "b.c": [[3.0, 4.0]],
    }


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        ({"a": entry([2], 0, 8)}, b"", None),
        ({"a": entry([10**6, 10**6], 0, 8)}, bytes(8), None),
        ({"a": entry([10**12], 0, 4 * 10**12)}, bytes(8), None),
        ({"a": entry([2**62, 4], 0, 0)}, b"", None),
        ({"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, bytes(8), None),
        ({"a": entry([1], 0, 4), "b": entry([1], 2, 6)}, bytes(6), None),
        ({"a": entry([1], 0, 4)}, bytes(400), None),
        ({"a": entry([1], 4, 8)}, bytes(8), None),
        ({"a": entry([1], -4, 0)}, bytes(8), None),
        ({"a": entry([1], 0, 4, "O8")}, bytes(4), None),
        (b"{", b"", None),
        (b"[" * 100_000, b"", None),
        ({"a": entry([1], 0, 4)}, bytes(4), 2**63 - 1),
        ({"a": entry([1], 0, 4)}, bytes(4), 2**64 - 1),
        ({"a": entry([1], 0, 4)}, bytes(4), 10**9),
        ({"a": entry([1], 0, 4)}, bytes(4), 0),
    ],
)
def test_safetensors_with_a_lying_header(
    tmp_path: Path, header: Any, data: bytes, length: int | None
) -> None:
    path = safetensors(tmp_path / "w.safetensors", header, data, length)
    with pytest.raises(InputError, match=r"w\.safetensors cannot be read as a file of weights"):
        read_state(path)


@pytest.mark.parametrize("content", [b"", b"\0", b"\x89HDF\r\n\x1a\n" + bytes(50)])
def test_what_is_no_safetensors_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"w\.safetensors cannot be read as a file of weights"):
        read_state(tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"absent\.safetensors cannot be read"):
        read_state(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "network.", "model.module."])
def test_names_that_a_wrapper_made_longer(tmp_path: Path, prefix: str) -> None:
    trained = network()
    state = {f"{prefix}{name}": value for name, value in trained.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    torch.save({"state_dict": state, "epoch": 7, "callbacks": {}}, tmp_path / "w.ckpt")
    for path in (tmp_path / "w.safetensors", tmp_path / "w.ckpt"):
        again = load_trained(network(), path)
        for name, value in trained.state_dict().items():
            assert torch.equal(again.state_dict()[name], value)


def test_a_prefix_that_only_some_names_carry_stays(tmp_path: Path) -> None:
    state = {f"model.{name}": value for name, value in network().state_dict().items()}
    torch.save({**state, "loss.weight": torch.zeros(2)}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"features.0.weight: missing"):
        load_trained(network(), tmp_path / "w.pt")


def test_a_prefix_that_is_the_networks_own_stays(tmp_path: Path) -> None:
    own = torch.nn.ModuleDict({"model": torch.nn.Linear(2, 2)})
    torch.save(own.state_dict(), tmp_path / "w.pt")
    again = torch.nn.ModuleDict({"model": torch.nn.Linear(2, 2)})
    load_trained(again, tmp_path / "w.pt")
    assert torch.equal(again["model"].weight, own["model"].weight)


@pytest.mark.parametrize("state", [{"a": 1}, [torch.zeros(2)], {3: torch.zeros(2)}, torch.zeros(2)])
def test_what_is_no_state_dict(tmp_path: Path, state: Any) -> None:
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"w\.pt holds no state dict"):
        read_state(tmp_path / "w.pt")
