"""What the methods of a study answer about one batch: the one place that knows their families.

CAMs that need a gradient come together from one forward pass, which is also the prediction. All
others are asked one by one: of a layer (perturbed CAMs), or of the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from rightreason import attribution, perturbed_cam
from rightreason.cam import layer_evidence, upsample
from rightreason.cam_formulas import FORMULAS

Methods = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Question:
    """What is asked of a network.

    Attributes
    ----------
    methods : mapping of method to mapping
        `algorithm` and its settings.
    layers : mapping of method to layer
        Of those that look at a layer.
    target : int
        The explained class.
    """

    methods: Methods
    layers: Mapping[str, str]
    target: int


@dataclass(frozen=True)
class Answer:
    """What one method says of one batch.

    Attributes
    ----------
    maps : (N, C, *spatial) tensor
        Signed, of the input's size; C is 1 for CAMs, else the input's channels.
    active : bool
        Whether there is anything but zeros where the method looks.
    answered : bool
        Whether the target depends on it.
    """

    maps: torch.Tensor
    active: bool
    answered: bool


def answers(
    network: nn.Module, x: torch.Tensor, question: Question, batch: int
) -> tuple[torch.Tensor, dict[str, Answer]]:
    """Ask all methods about one batch.

    Parameters
    ----------
    network : nn.Module
        Gives logits (N, classes); left as it was.
    x : (N, C, *spatial) tensor
        Network input.
    question : Question
        What is asked.
    batch : int
        Most inputs in one pass, of methods that make several of each sample.

    Returns
    -------
    logits : (N, classes) tensor
        Of the forward pass.
    answers : dict of method to Answer
        In the order of the methods.
    """
    cams = {n: m["algorithm"] for n, m in question.methods.items() if m["algorithm"] in FORMULAS}
    needed = sorted({question.layers[name] for name in cams})
    logits, evidence = layer_evidence(network, x, needed, question.target)
    found: dict[str, Answer] = {}
    for name, method in question.methods.items():
        if name in cams:
            at_layer = evidence[question.layers[name]]
            maps = upsample(FORMULAS[cams[name]](at_layer), x.shape[2:])
            found[name] = Answer(maps, *(bool(part.any()) for part in at_layer))
        elif method["algorithm"] in perturbed_cam.ALGORITHMS:
            found[name] = _perturbed(network, x, question, name, batch)
        else:
            algorithm = attribution.ALGORITHMS[method["algorithm"]]
            maps = algorithm(network, x, question.target, method, batch)
            found[name] = Answer(maps, bool(x.any()), bool(maps.any()))
    return logits, found


def _perturbed(
    network: nn.Module, x: torch.Tensor, question: Question, name: str, batch: int
) -> Answer:
    method, layer = question.methods[name], question.layers[name]
    algorithm = perturbed_cam.ALGORITHMS[method["algorithm"]]
    maps = algorithm(network, x, layer, question.target, method, batch)
    answered = bool(maps.any())
    active = answered or bool(perturbed_cam.layer_output(network, x, layer)[1].any())
    return Answer(upsample(maps, x.shape[2:]), active, answered)
