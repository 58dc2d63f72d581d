"""Weights from files: tensors and nothing else, whatever the file claims to be.

Two formats: what `torch.save` writes of a state dict, and safetensors. Neither is ever unpickled.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from rightreason.errors import InputError
from rightreason.unpacking import check_archive, check_safetensors

State = dict[str, torch.Tensor]

SAFETENSORS = ".safetensors"
PREFIXES = ("module.", "model.", "network.")
"""What wrappers (data-parallel training, Lightning modules) put before every name."""


def read_state(path: Path | str) -> State:
    """Read a state dict.

    Parameters
    ----------
    path : path
        `*.safetensors`; or else a file of `torch.save`: a state dict, or a mapping that holds one
        as `state_dict` beside other plain values, as checkpoints of Lightning do.

    Raises
    ------
    InputError
        When the file is missing, is no state dict, holds what is neither tensor nor plain value, or
        gives tensors that are larger than itself.
    """
    if Path(path).suffix == SAFETENSORS:
        return _safetensors(path)
    try:
        check_archive(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise _unreadable(path, "a state dict saved by torch.save, tensors only", error) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not _is_state(state):
        raise InputError(f"{path} holds no state dict: expected names with tensors, nothing else.")
    # A tensor may repeat the few numbers that are stored, without bound.
    repeated = [
        name for name, v in state.items()
        if v.numel() * v.element_size() > v.untyped_storage().nbytes()
    ]  # fmt: skip
    if repeated:
        raise InputError.of(f"{path} does not hold all numbers of these tensors:", repeated)
    return dict(state)


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(v, torch.Tensor) for name, v in value.items()
    )


def _safetensors(path: Path | str) -> State:
    """Read the other format: its library holds every claim of the header against the file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        check_safetensors(path)
        found: State = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, "safetensors", error) from error
    return found


def _unreadable(path: Path | str, expected: str, error: Exception) -> InputError:
    first_line = str(error).strip().split("\n")[0]
    return InputError(f"{path} cannot be read as a file of weights ({expected}): {first_line}")


def without_prefix(state: State, own: Iterable[str]) -> State:
    """Take off the `PREFIXES` that all names carry, where no name is one of the network's.

    Parameters
    ----------
    state : state dict
        From a file.
    own : iterable of str
        The names in the network.
    """
    names = set(own)
    while state and not names & state.keys():
        prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in state)), None)
        if prefix is None:
            break
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state
