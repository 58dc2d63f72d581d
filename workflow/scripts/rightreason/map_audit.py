"""One part of one map, scored and held against chance, donors and people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason import shifts as shifting
from rightreason.constant import constant, perfect
from rightreason.curves import curves
from rightreason.distances import surface
from rightreason.donors import transplant
from rightreason.images import Volume
from rightreason.inputs import InputRecord
from rightreason.measures import DISTANCES, Scores
from rightreason.overlap_rows import Beside
from rightreason.people import MASK, rater_scores, side_by_side
from rightreason.ranked import Marks, RankedMap
from rightreason.scene import Scene
from rightreason.scores import ByMeasure, MapScores, score
from rightreason.surfaces import surface_distances, whole_voxels

Points = NDArray[np.intp]


@dataclass(frozen=True)
class MapAudit:
    """What is known of one part of one map.

    Attributes
    ----------
    method, part : str
        Whose map, and which part of it.
    ranked : RankedMap
        The part.
    found : MapScores
        Its scores against every reference.
    beside : Beside
        What to hold them against.
    curves : mapping of measure to (R, 100) array
        Its threshold curves.
    """

    method: str
    part: str
    ranked: RankedMap
    found: MapScores
    beside: Beside
    curves: Scores


@dataclass(frozen=True)
class Person:
    """One rater's marks as a map."""

    ranked: RankedMap
    found: MapScores


def persons(scene: Scene, measure_surfaces: bool) -> dict[str, Person]:
    """Score each rater's marks against the others; nobody is scored where there is only one."""
    raters = scene.references.patterns.raters
    if len(raters) < 2:
        return {}
    people = {rater: Person(*rater_scores(rater, scene)) for rater in raters}
    if measure_surfaces:
        points = [
            surface(scene.references.rater_mask(rater).reshape(scene.geometry.shape))
            for rater in raters
        ]
        for person, *found in zip(people.values(), *surface_distances(points, scene), strict=True):
            for measure, values in zip(DISTANCES, found, strict=True):
                person.found.values[MASK, measure] = values[None]
    return people


def audit_map(
    method: str, part: str, values: NDArray[np.float32], scene: Scene, lean: Scene,
    shifts: shifting.Shifts, donors: Sequence[tuple[InputRecord, Volume]], record: InputRecord,
    settings: Mapping[str, Any],
) -> MapAudit:  # fmt: skip
    """Score one part of one map by everything but surface distances.

    Parameters
    ----------
    method, part : str
        Whose map, and which part of it.
    values : array
        The signed map on the seen region.
    scene, lean : Scene
        All references; those of all raters.
    shifts : Shifts
        Random shifts within the seen region.
    donors : sequence of (record, volume)
        Other cases' maps by the same model and method, on their prepared grids.
    record : InputRecord
        Of this case's prepared image.
    settings : mapping
        Section `overlap` of the config.
    """
    rules = rules_of(part, settings)
    ranked = RankedMap.of(values, part)
    found = score(ranked, scene, part, rules)
    whole = found.of_all_raters(scene)
    moved = shifts.score(ranked, lean, part, whole)
    beside = Beside(
        perfect=perfect(lean.references, part, rules),
        chance=constant(lean, whole, part),
        region={} if lean.region is None else constant(lean, whole, part, lean.region),
        shifted=shifting.summarise(whole, moved, settings["percentiles"]),
        shuffled=_shuffled(donors, record, lean, part, rules),
    )
    lines = curves(ranked, Marks.of(ranked, lean.references), lean.references)
    return MapAudit(method, part, ranked, found, beside, lines)


def rules_of(part: str, settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the binarisations that keep this part of a map."""
    named: Mapping[str, Mapping[str, Any]] = settings["binarisations"]
    return {name: rule for name, rule in named.items() if rule["part"] == part}


def _shuffled(
    donors: Sequence[tuple[InputRecord, Volume]], record: InputRecord, lean: Scene, part: str,
    rules: Mapping[str, Mapping[str, Any]],
) -> ByMeasure:  # fmt: skip
    """Score other cases' maps placed here, each (donors, R) or (donors, 1)."""
    scores = []
    for donor, volume in donors:
        placed = transplant(volume.data, donor, record)
        scores.append(score(RankedMap.of(placed, part), lean, part, rules).values)
    if not scores:
        return {}
    return {key: np.concatenate([values[key] for values in scores]) for key in scores[0]}


def with_surfaces(
    audits: Sequence[MapAudit], scene: Scene, people: Mapping[str, Person],
    settings: Mapping[str, Any],
) -> list[MapAudit]:  # fmt: skip
    """Add surface distances, and then what the raters give: fair comparison and ceiling."""
    regions = [
        (audit, name, region)
        for audit in audits
        for name, binarised in audit.found.regions.items() if name in settings["distances"]
        for region in dict.fromkeys(binarised.cuts)
    ]  # fmt: skip
    points = [
        surface(whole_voxels(audit.ranked, region).reshape(scene.geometry.shape))
        for audit, _, region in regions
    ]
    measured = surface_distances(points, scene) if points else (np.zeros((0, 0)),) * 2
    for measure, table in zip(DISTANCES, measured, strict=True):
        for (audit, name, region), row in zip(regions, table, strict=True):
            blank = np.full((1, len(row)), np.nan)
            own = audit.found.values.setdefault((name, measure), blank)
            of = [i for i, cut in enumerate(audit.found.regions[name].cuts) if cut == region]
            own[0, of] = row[of]
    own_scores = {rater: person.found.values for rater, person in people.items()}
    done = []
    for audit in audits:
        fair, ceiling = side_by_side(audit.found.values, own_scores, scene.references)
        done.append(replace(audit, beside=replace(audit.beside, fair=fair, ceiling=ceiling)))
    return done
