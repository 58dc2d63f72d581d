"""The maps of one case by the networks that judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rightreason import attribution
from rightreason.cam import FORMULAS, Evidence, last_convolution, layer_evidence, upsample
from rightreason.committee import inputs
from rightreason.samples import to_input

Methods = Mapping[str, Mapping[str, Any]]

NO_POSITIVE_EVIDENCE = "no positive evidence"
"""The map holds values, none above zero."""
DEAD_LAYER = "dead layer"
"""The layer puts out nothing but zeros: there is nothing to weigh."""
SATURATED_OUTPUT = "saturated output"
"""The layer (or input) is active, but the gradient is zero everywhere: the output ignores it."""
NOT_FINITE = "NaN or infinite values"
"""The network's numbers overflowed; nothing can be scored."""


@dataclass(frozen=True)
class Explained:
    """Maps of one case, and the outputs of the same passes.

    Attributes
    ----------
    probability : float
        Of class 1: mean over networks and samples of the softmax.
    logit : float
        Of the explained class: mean over networks and samples.
    maps : mapping of method to array of float32
        As `inputs.from_samples` takes them; mean over all networks.
    reasons : mapping of method to str
        Why a map has no positive part; empty where it has one.
    by_seed : tuple of Explained
        The same of each seed's networks alone; empty where there is one seed.
    """

    probability: float
    logit: float
    maps: Mapping[str, NDArray[np.float32]]
    reasons: Mapping[str, str]
    by_seed: tuple[Explained, ...] = ()


@dataclass
class _Traces:
    """What one method leaves behind, over networks and batches."""

    maps: list[torch.Tensor]
    active: bool = False
    answered: bool = False


@dataclass(frozen=True)
class _Passes:
    """What some networks' passes over one case gave; `logits` and maps network after network."""

    networks: int
    logits: list[torch.Tensor]
    traces: Mapping[str, _Traces]


def target_layers(
    network: nn.Module,
    pixels: torch.Tensor,
    channels: int,
    model: Mapping[str, Any],
    methods: Methods,
) -> dict[str, str]:
    """Return the target layer of every CAM method.

    The method's own `layer`, else the model's `target_layer`, else the convolution that runs last.
    """
    cams = {name: method for name, method in methods.items() if method["algorithm"] in FORMULAS}
    named = {
        name: method.get("layer") or model.get("target_layer") for name, method in cams.items()
    }
    if not all(named.values()):
        default = last_convolution(network, to_input(pixels, channels))
        return {name: layer or default for name, layer in named.items()}
    return {name: str(layer) for name, layer in named.items()}


def explain(
    by_seed: Sequence[Sequence[nn.Module]],
    pixels: torch.Tensor,
    channels: int,
    methods: Methods,
    layers: Mapping[str, str],
    target: int,
    batch: int,
) -> Explained:
    """Make the maps of one case by several methods at once, together and by seed.

    Parameters
    ----------
    by_seed : sequence of sequences of nn.Module
        The case's committee, in eval mode; as many networks of each seed.
    pixels : (N, C, [Z,] Y, X) tensor of uint8
        The case's samples, on the networks' device.
    channels : int
        Channels of the networks' input.
    methods : mapping of method to mapping
        `algorithm` and its settings.
    layers : mapping of CAM method to layer
        As `target_layers` returns it.
    target : int
        The explained class.
    batch : int
        Most samples at once.
    """
    passes = []
    for networks in by_seed:
        done = _Passes(len(networks), [], {name: _Traces([]) for name in methods})
        for network in networks:
            for x in inputs(pixels, channels, batch):
                done.logits.append(_cams(network, x, methods, layers, target, done.traces))
                _attributions(network, x, methods, target, batch, done.traces, pixels.shape[1])
        passes.append(done)
    alone = tuple(_explained(one, target) for one in passes) if len(passes) > 1 else ()
    return replace(_explained(_joined(passes), target), by_seed=alone)


def _joined(passes: Sequence[_Passes]) -> _Passes:
    """Put the passes of all seeds together."""
    traces = {
        name: _Traces(
            [values for one in passes for values in one.traces[name].maps],
            active=any(one.traces[name].active for one in passes),
            answered=any(one.traces[name].answered for one in passes),
        )
        for name in passes[0].traces
    }
    logits = [values for one in passes for values in one.logits]
    return _Passes(sum(one.networks for one in passes), logits, traces)


def _explained(passes: _Passes, target: int) -> Explained:
    outputs = torch.cat(passes.logits).double()
    traces = passes.traces
    maps = {name: _committee_mean(trace.maps, passes.networks) for name, trace in traces.items()}
    return Explained(
        probability=float(outputs.softmax(1)[:, 1].mean()),
        logit=float(outputs[:, target].mean()),
        maps=maps,
        reasons={name: _reason(maps[name], trace) for name, trace in traces.items()},
    )


def _committee_mean(parts: Sequence[torch.Tensor], networks: int) -> NDArray[np.float32]:
    """Average over the networks, whose maps lie one network after another."""
    maps = torch.cat(list(parts))
    mean = maps.reshape(networks, -1, *maps.shape[1:]).mean(dim=0)
    values: NDArray[np.float32] = mean.to(torch.float32).cpu().numpy()
    return values


def _cams(
    network: nn.Module,
    x: torch.Tensor,
    methods: Methods,
    layers: Mapping[str, str],
    target: int,
    traces: Mapping[str, _Traces],
) -> torch.Tensor:
    """Add the CAM methods' maps of one batch; return its logits."""
    if not layers:
        with torch.inference_mode():
            return network(x)  # type: ignore[no-any-return]
    logits, evidence = layer_evidence(network, x, sorted(set(layers.values())), target)
    for name, layer in layers.items():
        formula = FORMULAS[methods[name]["algorithm"]]
        traces[name].maps.append(upsample(formula(evidence[layer]), x.shape[2:]))
        _note(traces[name], evidence[layer])
    return logits


def _attributions(
    network: nn.Module,
    x: torch.Tensor,
    methods: Methods,
    target: int,
    batch: int,
    traces: Mapping[str, _Traces],
    own_channels: int,
) -> None:
    """Add the gradient methods' maps of one batch, one per channel that the input has."""
    for name, method in methods.items():
        algorithm = attribution.ALGORITHMS.get(method["algorithm"])
        if algorithm is None:
            continue
        values = algorithm(network, x, target, method, batch)
        if values.shape[1] != own_channels:
            values = values.sum(dim=1, keepdim=True)
        traces[name].maps.append(values)
        _note(traces[name], Evidence(x, values))


def _note(trace: _Traces, evidence: Evidence) -> None:
    trace.active = trace.active or bool(evidence.activation.any())
    trace.answered = trace.answered or bool(evidence.gradient.any())


def _reason(values: NDArray[np.float32], trace: _Traces) -> str:
    if not np.isfinite(values).all():
        return NOT_FINITE
    if values.max() > 0:
        return ""
    if not trace.active:
        return DEAD_LAYER
    return NO_POSITIVE_EVIDENCE if trace.answered else SATURATED_OUTPUT
