"""Where a network runs, and with how many threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from rightreason.errors import InputError


def select(settings: Mapping[str, Any]) -> torch.device:
    """Fix the number of CPU threads and return the device to run on.

    Threads come from the settings, never from the machine: sums over another number of threads
    differ in the last bits.

    Parameters
    ----------
    settings : mapping
        `device` (`cpu`, `cuda`, or `auto`: the GPU where there is one) and `threads`.

    Raises
    ------
    InputError
        When a GPU is asked for and there is none.
    """
    torch.set_num_threads(int(settings["threads"]))
    wanted = settings["device"]
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "The config asks for `device: cuda`, and torch finds no usable GPU here. Set "
            "`device: auto` or `cpu`, or run the job where there is a GPU."
        )
    on_gpu = wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if on_gpu else "cpu")
