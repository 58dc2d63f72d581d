"""Networks that users bring themselves: imported by name, built, and tried once.

To import a module is to run it: it is code that the user wrote or chose, and named in the config.
Nothing else that is handed in is run; weights are read as tensors only (`weights`).
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rightreason.errors import InputError

CLASSES = 2
SUM_WITHIN = 1e-6
"""Of 1: that close are sums of two probabilities in single precision."""


def construct(
    name: str, spatial_dims: int, in_channels: int, options: Mapping[str, Any], code: str | None
) -> nn.Module:
    """Import a network's class and build it.

    Parameters
    ----------
    name : str
        `module:Class`; a function that returns the network does as well.
    spatial_dims, in_channels : int
        Handed over, with `out_channels` 2, as far as the signature has parameters of these names.
    options : mapping
        Handed over as they are; `out_channels` among them replaces the 2.
    code : str or None
        Folder to put first on the import path; None for an installed module.

    Returns
    -------
    nn.Module
        Not yet tried: see `complete`.

    Raises
    ------
    InputError
        When there is no such module or class, either fails, or what is made is no `nn.Module`.
    """
    make = _find(name, code)
    given: Mapping[str, Any] = {}
    # Of a class written in C nothing may be known.
    with suppress(TypeError, ValueError):
        given = inspect.signature(make).parameters
    study = {"spatial_dims": spatial_dims, "in_channels": in_channels, "out_channels": CLASSES}
    arguments = {key: value for key, value in study.items() if key in given} | dict(options)
    try:
        network = make(**arguments)
    except Exception as error:
        said = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        raise InputError(
            f"The network {name} cannot be built as {name.partition(':')[2]}({said}): "
            f"{_told(error)}. Correct the model's `options`, or the class."
        ) from error
    if not isinstance(network, nn.Module):
        raise InputError(
            f"{name} gives a {type(network).__name__}; expected a network, a torch.nn.Module."
        )
    return network


def _find(name: str, code: str | None) -> Callable[..., Any]:
    module_name, _, class_name = name.partition(":")
    module = _imported(module_name, code)
    found = getattr(module, class_name, None)
    if not callable(found):
        own = sorted(
            key for key, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, nn.Module)
        )  # fmt: skip
        raise InputError(
            f"The module {module_name} ({module.__file__}) has no class {class_name}. "
            f"Networks in it: {', '.join(own) or 'none'}."
        )
    maker: Callable[..., Any] = found
    return maker


def _imported(name: str, code: str | None) -> Any:
    where = "" if code is None else f" in the folder {code}"
    with _from_source(code):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                raise InputError(
                    f"There is no module {name}{where or ' installed'}. Name the folder that holds "
                    "it as `code` in the config, or install it."
                ) from error
            raise InputError(
                f"The module {name}{where} needs the module {error.name}, which is not installed "
                "where this job runs."
            ) from error
        except (Exception, SystemExit) as error:
            raise InputError(
                f"The module {name}{where} cannot be imported: {_told(error)}."
            ) from error
    file = getattr(module, "__file__", None)
    if code is not None and (file is None or not _below(Path(file), Path(code))):
        raise InputError(
            f"The module {name} of the folder {code} is hidden by another of that name ({file}). "
            "Rename it."
        )
    return module


@contextmanager
def _from_source(code: str | None) -> Iterator[None]:
    """Put a folder on the import path, to stay; neither read nor leave compiled files meanwhile.

    Compiled files are told from outdated ones by time and size alone, and the study by content.
    """
    if code is not None and str(Path(code).resolve()) not in sys.path:
        sys.path.insert(0, str(Path(code).resolve()))
        importlib.invalidate_caches()
    before = sys.dont_write_bytecode, sys.pycache_prefix
    sys.dont_write_bytecode, sys.pycache_prefix = True, "/nonexistent"
    try:
        yield
    finally:
        sys.dont_write_bytecode, sys.pycache_prefix = before


def _below(path: Path, folder: Path) -> bool:
    """Say so of the path as it is, or with links followed."""
    return path.is_relative_to(folder.resolve()) or path.resolve().is_relative_to(folder.resolve())


def complete(network: nn.Module, x: torch.Tensor, name: str) -> None:
    """Try a user's network on one sample, and let it give two logits where it gives one.

    It gets its input in torch's ordinary order of memory, as where it was written: our own layout,
    channels last, is nothing that every `view` takes. A single logit z, of the positive class,
    becomes the two logits (-z/2, z/2): their softmax is the sigmoid of z, and each class has
    evidence of its own, as it would not have in (0, z). Both are done by hooks, so that the
    network's layers keep their names; a second call adds none.

    Parameters
    ----------
    network : nn.Module
        Its mode and torch's random state are as before afterwards.
    x : (N, C, [Z,] Y, X) tensor
        Network input, of which the first sample is taken.
    name : str
        For messages.

    Raises
    ------
    InputError
        When it fails, or its output is not (1, 2) or (1, 1) finite numbers, or two columns are
        probabilities.
    """
    modes = [(module, module.training) for module in network.modules()]
    devices = [x.device] if x.device.type == "cuda" else []
    take_ordinary_order(network)
    network.eval()
    try:
        with torch.random.fork_rng(devices), torch.no_grad():
            output = network(x[:1])
            # Black and white half as far apart: another image, unless all is white.
            brighter = network((x[:1] + 1) / 2)
    except Exception as error:
        raise InputError(
            f"The network {name} fails on an input of shape {tuple(x[:1].shape)}: {_told(error)}."
        ) from error
    finally:
        for module, training in modes:
            module.training = training
    _check(output, name)
    if _is_softmax(output) and _is_softmax(brighter):
        raise InputError(
            f"The network {name} gives what looks like probabilities, {_rounded(output)} and "
            f"{_rounded(brighter)} for two images; expected logits: leave out the last softmax."
        )
    if output.shape[1] == 1:
        network.register_forward_hook(_two_logits)


def take_ordinary_order(network: nn.Module) -> None:
    """Have a network copy its input to the memory order that tensors have by default."""
    # What was compiled to TorchScript takes no hooks.
    if isinstance(network, torch.jit.ScriptModule):
        return
    if _in_ordinary_order not in network._forward_pre_hooks.values():
        network.register_forward_pre_hook(_in_ordinary_order)


def _in_ordinary_order(network: nn.Module, args: tuple[torch.Tensor, ...]) -> Any:
    # Not `contiguous`: of an image of one channel it leaves strides that convolutions take for
    # channels last, and hand on. And a copy: a network may begin with work in place.
    return (args[0].clone(memory_format=torch.contiguous_format), *args[1:])


def _check(output: Any, name: str) -> None:
    if not isinstance(output, torch.Tensor):
        found = f"a {type(output).__name__}"
    elif output.shape not in ((1, CLASSES), (1, 1)) or not output.is_floating_point():
        found = f"a tensor of shape {tuple(output.shape)} ({output.dtype})"
    elif not output.isfinite().all():
        found = "NaN or infinity"
    else:
        return
    raise InputError(
        f"The network {name} gives {found} for one sample; expected logits as a tensor of shape "
        "(1, 2), the second of the positive class, or (1, 1), that of the positive class."
    )


def _is_softmax(output: torch.Tensor) -> bool:
    """Say whether there are two numbers from 0 on that sum to 1.

    Of a single number between 0 and 1 nothing is known: logits may lie there, too.
    """
    values = output.double()
    sums_to_1 = abs(float(values.sum()) - 1) <= SUM_WITHIN
    return output.shape[1] == CLASSES and bool((values >= 0).all()) and sums_to_1


def _rounded(output: torch.Tensor) -> str:
    return " + ".join(f"{value:.3g}" for value in output[0].tolist())


def _two_logits(network: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
    half = output / 2
    return torch.cat([-half, half], dim=1)


def _told(error: BaseException) -> str:
    """Return an exception's kind and the first line of what it says."""
    text = str(error).strip().split("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
