"""Networks by name: MONAI's in 2D and 3D, AlexNet and VGG16, users' own; weights from local files.

MONAI is imported where a network of it is built, because its import takes four seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rightreason.classic_networks import alexnet, vgg16
from rightreason.errors import InputError
from rightreason.network_names import KNOWN, PLANAR, RESERVED_OPTIONS, is_own
from rightreason.own_networks import construct
from rightreason.weights import State, read_state, without_prefix

Options = Mapping[str, Any]

_RESNETS: dict[str, tuple[str, list[int]]] = {
    "ResNet10": ("basic", [1, 1, 1, 1]),
    "ResNet18": ("basic", [2, 2, 2, 2]),
    "ResNet34": ("basic", [3, 4, 6, 3]),
    "ResNet50": ("bottleneck", [3, 4, 6, 3]),
}
_CLASSIC: dict[str, Callable[..., nn.Module]] = {"AlexNet": alexnet, "VGG16": vgg16}


def build(
    name: str,
    spatial_dims: int,
    in_channels: int,
    out_channels: int = 2,
    options: Options | None = None,
    weights: Path | str | None = None,
    code: str | None = None,
) -> nn.Module:
    """Build a network, initialised from torch's global random state.

    Parameters
    ----------
    name : str
        One of `network_names.KNOWN`, or a user's own (`own_networks.construct`), which has to be
        completed when there is an input to try it on.
    spatial_dims : int
        2 or 3.
    in_channels, out_channels : int
        Channels of the input and number of classes.
    options : mapping
        Further options of the network's constructor (widths, depths, norm, dropout).
    weights : path
        Local file of a state dict to begin with (see `load_pretrained`; of a user's own network,
        whose layers are not known here, exactly its own); None begins at random.
    code : str
        Folder of the user's own modules; None where they are installed.

    Returns
    -------
    nn.Module
        Maps (N, in_channels, [Z,] Y, X) to logits (N, out_channels).

    Raises
    ------
    InputError
        For an unknown name, a 2D network asked for in 3D, options the constructor refuses, or
        weights that do not belong to the network.
    """
    options = dict(options or {})
    if is_own(name):
        network = construct(name, spatial_dims, in_channels, options, code)
    else:
        network = _known(name, spatial_dims, in_channels, out_channels, options)
    if weights is not None and is_own(name):
        state = without_prefix(read_state(weights), network.state_dict())
        _load(network, state, weights, may_lack=set(), name=name)
    elif weights is not None:
        load_pretrained(network, weights, name)
    return network


def _known(
    name: str, spatial_dims: int, in_channels: int, out_channels: int, options: dict[str, Any]
) -> nn.Module:
    _check(name, spatial_dims, options)
    try:
        return _construct(name, spatial_dims, in_channels, out_channels, options)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} cannot be built in {spatial_dims}D with the options {options}: {error}. "
            "Correct the model's options."
        ) from error


def _check(name: str, spatial_dims: int, options: Options) -> None:
    if name not in KNOWN:
        raise InputError(f"There is no network {name!r}; known are {', '.join(KNOWN)}.")
    if name in PLANAR and spatial_dims != 2:
        raise InputError(
            f"{name} is a 2D network; a 3D input (`volume`) needs one of "
            f"{', '.join(n for n in KNOWN if n not in PLANAR)}."
        )
    reserved = sorted(set(options) & set(RESERVED_OPTIONS))
    if reserved:
        raise InputError(
            f"The options {', '.join(reserved)} of {name} cannot be set: they follow from the "
            "study, and weights come from a local file (`weights`). Remove them."
        )


def _construct(
    name: str, spatial_dims: int, in_channels: int, out_channels: int, options: dict[str, Any]
) -> nn.Module:
    if name in _CLASSIC:
        return _CLASSIC[name](in_channels, out_channels, **options)
    if name in _RESNETS:
        return _resnet(name, spatial_dims, in_channels, out_channels, options)
    from monai.networks.nets import densenet, efficientnet, senet

    network: nn.Module
    if name.startswith("DenseNet"):
        make = getattr(densenet, name)
        network = make(spatial_dims, in_channels, out_channels, **options)
    elif name.startswith("EfficientNet"):
        model = "efficientnet-" + name.removeprefix("EfficientNet").lower()
        network = efficientnet.EfficientNetBN(
            model, pretrained=False, spatial_dims=spatial_dims, in_channels=in_channels,
            num_classes=out_channels, **options,
        )  # fmt: skip
    else:
        network = getattr(senet, name)(
            spatial_dims=spatial_dims, in_channels=in_channels, num_classes=out_channels, **options
        )
    return network


def _resnet(
    name: str, spatial_dims: int, in_channels: int, out_channels: int, options: dict[str, Any]
) -> nn.Module:
    """Build MONAI's ResNet; in 2D with the stride of 2 of He et al. 2016 (MONAI's default is 1)."""
    from monai.networks.nets.resnet import ResNet, get_inplanes

    block, layers = _RESNETS[name]
    defaults = {"block_inplanes": get_inplanes(), "conv1_t_stride": 2 if spatial_dims == 2 else 1}
    network: nn.Module = ResNet(
        block, layers, spatial_dims=spatial_dims, n_input_channels=in_channels,
        num_classes=out_channels, **{**defaults, **options},
    )  # fmt: skip
    return network


def load_trained(network: nn.Module, path: Path | str) -> nn.Module:
    """Load weights that were trained for exactly this network, set eval mode, freeze them.

    Raises
    ------
    InputError
        When names or shapes differ.
    """
    _load(network, without_prefix(read_state(path), network.state_dict()), path, may_lack=set())
    return network.eval().requires_grad_(False)


def load_pretrained(network: nn.Module, path: Path | str, name: str) -> None:
    """Begin with published weights; adapt the first convolution and leave out the last layer.

    Where the numbers of input channels differ, each channel gets the sum of the published filters
    over theirs, divided by the number of channels, so that a grey image gives the same responses.
    Where the numbers of classes differ, the last layer keeps its random start.

    Raises
    ------
    InputError
        When other names or shapes differ.
    """
    own = network.state_dict()
    state = without_prefix(read_state(path), own)
    first = next(key for key, value in own.items() if key.endswith("weight") and value.ndim >= 4)
    last = [key for key in own if key.endswith("weight")][-1].removesuffix("weight")
    if first in state and state[first].shape[0] == own[first].shape[0]:
        state[first] = _adapt_channels(state[first], own[first])
    dropped = set()
    for key in (f"{last}weight", f"{last}bias"):
        if key in state and key in own and state[key].shape != own[key].shape:
            del state[key]
            dropped.add(key)
    _load(network, state, path, may_lack=dropped, name=name)


def _adapt_channels(published: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    channels = own.shape[1]
    if published.shape[1] == channels:
        return published
    return (published.sum(dim=1, keepdim=True) / channels).expand(-1, channels, *own.shape[2:])


def _load(
    network: nn.Module, state: State, path: Path | str, *, may_lack: set[str], name: str = ""
) -> None:
    own = network.state_dict()
    problems = [f"{k}: missing" for k in own if k not in state and k not in may_lack]
    problems += [f"{k}: not in the network" for k in state if k not in own]
    problems += [
        f"{k}: shape {tuple(state[k].shape)}, the network has {tuple(own[k].shape)}"
        for k in state
        if k in own and state[k].shape != own[k].shape
    ]
    if problems:
        shown = problems[:8] + ([f"and {len(problems) - 8} more"] if len(problems) > 8 else [])
        raise InputError.of(
            f"The weights in {path} are not those of this network "
            f"({name or type(network).__name__}, {len(own)} tensors):",
            shown,
        )
    network.load_state_dict(state, strict=False)
