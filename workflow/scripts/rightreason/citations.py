"""Which works a study has to cite, decided from its resolved config, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rightreason.algorithms import INPUT_ALGORITHMS
from rightreason.network_names import PLANAR, is_own
from rightreason.sentences import NBSP
from rightreason.works import WORKS

CAPTUM = frozenset(INPUT_ALGORITHMS) - {"occlusion"}
"""The algorithms whose gradients are Captum's."""

FAMILIES = ("DenseNet", "EfficientNet", "SEResNet", "ResNet", "AlexNet", "VGG")
"""What the names of networks start with; each is a key of `WORKS`."""

STATISTICS = ("delong", "obuchowski", "newcombe", "wilson", "efron", "hesterberg", "holm",
              "hedges", "fleiss", "krippendorff")  # fmt: skip


@dataclass(frozen=True)
class References:
    """The works a study cites, numbered from 1 in the order of the methods' text."""

    keys: tuple[str, ...]

    def cite(self, *keys: str) -> str:
        """Return the mark that follows what is cited, space and all: ` [3]`, ` [3, 7]`.

        Raises
        ------
        KeyError
            When a work is cited that the study does not need: `needed` has to say so.
        """
        foreign = sorted(set(keys) - set(self.keys))
        if foreign:
            raise KeyError(f"{', '.join(foreign)}: cited, and not among the works needed")
        numbers = sorted(self.keys.index(key) + 1 for key in set(keys))
        return f"{NBSP}[{', '.join(map(str, numbers))}]" if numbers else ""

    def listed(self) -> list[str]:
        """Return the list of references."""
        return [f"[{n}] {WORKS[key]}" for n, key in enumerate(self.keys, start=1)]


def needed(config: Mapping[str, Any]) -> References:
    """Decide from the resolved config which works a study cites.

    Parameters
    ----------
    config : mapping
        `models`, `saliency`, `trust`, `overlap` and `report` are looked at.
    """
    algorithms = [method["algorithm"] for method in config["saliency"]["methods"].values()]
    rules = {cut["rule"] for cut in config["overlap"]["binarisations"].values()}
    return References((
        "question", "nibabel", "dcm2niix",
        *networks(config),
        "pytorch", *(["lightning", "youden"] if _trains(config) else []),
        *dict.fromkeys(algorithms),
        *(["captum"] if set(algorithms) & CAPTUM else []),
        *(test for test in ("randomisation", "faithfulness") if test in config["trust"]["tests"]),
        *(["otsu"] if "otsu" in rules else []),
        "staple", "pointing", *STATISTICS, "snakemake", "niivue",
        *(["highdicom"] if config["report"]["dicom"] else []),
    ))  # fmt: skip


def networks(config: Mapping[str, Any]) -> list[str]:
    """List the works on the networks of a study, and on MONAI where it builds one of them."""
    given = [model["network"] for model in config["models"].values()]
    names = [name for name in given if not is_own(name)]
    found = list(dict.fromkeys(family_of(name) for name in names))
    return [*found, *(["monai"] if set(names) - set(PLANAR) else [])]


def _trains(config: Mapping[str, Any]) -> bool:
    """Say whether any network was trained here."""
    return any(not model.get("trained") for model in config["models"].values())


def family_of(network: str) -> str:
    """Return the work on a network: a key of `WORKS`."""
    return next(family for family in FAMILIES if network.startswith(family))
