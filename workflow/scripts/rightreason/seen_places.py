"""How much of an attended region's irrelevant part lies in which place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rightreason.binarise import Cut
from rightreason.places import Places
from rightreason.ranked import Floats, RankedMap
from rightreason.scene import Scene
from rightreason.scores import MapScores, attended_voxels

PLACES = ("outside_body", "body_outside_region", "unmarked_in_region", "unmarked_in_body")
COLUMNS = ("case", "model", "method", "reference", "binarisation", "attended_voxels",
           "irrelevant_voxels", *PLACES)  # fmt: skip


def place_rows(
    keys: Mapping[str, str], ranked: RankedMap, found: MapScores, scene: Scene, places: Places
) -> Iterator[dict[str, Any]]:
    """Yield, for each binarisation and reference, how many irrelevant voxels lie where.

    Parameters
    ----------
    keys : mapping
        `case`, `model`, `method`.
    ranked, found
        One part of a map, and its scores against the scene's references.
    scene : Scene
        The references.
    places : Places
        The place of every seen voxel; of a case without a region there are two.
    """
    for name, region in found.regions.items():
        counts = {c: _counts(ranked, scene, places, c) for c in dict.fromkeys(region.cuts)}
        for i, reference in enumerate(scene.references.patterns.keys):
            attended, relevant = counts[region.cuts[i]]
            irrelevant = dict(zip(places.names, attended - relevant[:, i], strict=True))
            yield {
                **keys, "reference": reference.name, "binarisation": name,
                "attended_voxels": attended.sum(), "irrelevant_voxels": sum(irrelevant.values()),
                **{place: irrelevant.get(place) for place in PLACES},
            }  # fmt: skip


def _counts(ranked: RankedMap, scene: Scene, places: Places, region: Cut) -> tuple[Floats, Floats]:
    """Count the attended voxels of each place, (places,), and each reference's among them."""
    size = len(places.names)
    at, inside = attended_voxels(ranked, region)
    attended = np.bincount(places.codes[at], weights=inside, minlength=size)
    references = scene.references
    members = references.patterns.members
    weights = region.share_of(ranked.evidence[references.at])
    joint = places.codes[references.at].astype(np.int64) * len(members) + references.codes
    histogram = np.bincount(joint, weights=weights, minlength=size * len(members))
    relevant: Floats = histogram.reshape(size, len(members)).astype(np.float64) @ members
    return attended.astype(np.float64), relevant
