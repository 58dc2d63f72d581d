"""The files of one `overlap` job, arranged by model and method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelFiles:
    """What the earlier stages made of one case for one model.

    Attributes
    ----------
    record : path
        Of the prepared image.
    maps : mapping of method to path
        Saliency maps.
    seeds : mapping of method to sequence of path
        The maps of each seed's networks; empty with one seed.
    donors : sequence of (record, mapping of method to path)
        The same of each donor.
    """

    record: Path
    maps: Mapping[str, Path]
    seeds: Mapping[str, Sequence[Path]]
    donors: Sequence[tuple[Path, Mapping[str, Path]]]


def arrange(
    models: Sequence[str], methods: Sequence[str], donors: int, seeds: int,
    given: Mapping[str, Sequence[str]],
) -> dict[str, ModelFiles]:  # fmt: skip
    """Arrange the rule's flat lists.

    Parameters
    ----------
    models, methods : sequence of str
        Their names.
    donors, seeds : int
        How many donors there are; how many seeds have maps of their own (0 with one seed).
    given : mapping
        `maps` (model by model, its methods), `records` (of each model), `seed_maps` (model, method,
        seed), `donor_maps` (model, donor, method), `donor_records` (model, donor): the last index
        runs fastest.
    """
    maps, records = iter(given["maps"]), iter(given["records"])
    seed_maps = iter(given["seed_maps"])
    donor_maps, donor_records = iter(given["donor_maps"]), iter(given["donor_records"])
    files = {
        model: ModelFiles(
            record=Path(next(records)),
            maps=_take(maps, methods),
            seeds={
                method: [Path(next(seed_maps)) for _ in range(seeds)] for method in methods if seeds
            },
            donors=[(Path(next(donor_records)), _take(donor_maps, methods)) for _ in range(donors)],
        )
        for model in models
    }
    left = [*maps, *records, *seed_maps, *donor_maps, *donor_records]
    if left:
        raise ValueError(f"The rule overlap gave {len(left)} files too many, {left[0]} among them.")
    return files


def _take(paths: Iterator[str], methods: Sequence[str]) -> dict[str, Path]:
    return {method: Path(next(paths)) for method in methods}
