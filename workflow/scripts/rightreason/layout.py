"""Where files lie below `results/`, and which shard of the cohort a case belongs to.

Standard library only: rules, wrappers and per-case jobs ask here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESULTS = Path("results")
INPUT_KINDS = ("slices", "subset", "volume")
MAPS_TABLE = "maps.tsv"


def shard_of(case: str, shards: int) -> str:
    """Name the shard of a case: by its id alone, so that a new case touches one shard."""
    number = int.from_bytes(hashlib.sha256(case.encode()).digest()[:8], "big")
    return f"shard{number % shards}"


def by_shard(cases: Iterable[str], shards: int) -> dict[str, list[str]]:
    """Return the cases of each shard that has any, in their order; the shards by number."""
    found: dict[str, list[str]] = {}
    for case in cases:
        found.setdefault(shard_of(case, shards), []).append(case)
    return {shard: found[shard] for shard in sorted(found, key=lambda name: int(name[5:]))}


@dataclass(frozen=True)
class Layout:
    """The paths of a study's results.

    Attributes
    ----------
    shards : int
        In how many parts the cohort is predicted and explained.
    root : path
        The folder `results`.
    """

    shards: int
    root: Path = field(default=RESULTS)

    def volume(self, case: str) -> Path:
        """The CT of a case."""
        return self.root / "convert" / f"{case}.nii.gz"

    def conversion(self, case: str) -> Path:
        """What `convert` wrote down of a case."""
        return self.root / "convert" / f"{case}.json"

    def annotations(self, case: str) -> Path:
        """The folder of a case's masks."""
        return self.root / "annotate" / case

    def prepared(self, kind: str, case: str) -> Path:
        """The image that models of a kind of input get."""
        return self.root / "prepare" / kind / f"{case}.nii.gz"

    def prepared_record(self, kind: str, case: str) -> Path:
        """Where in the CT that image lies."""
        return self.root / "prepare" / kind / f"{case}.json"

    def maps(self, model: str, method: str, shard: str) -> Path:
        """The folder of a shard's saliency maps."""
        return self.root / "saliency" / model / method / shard

    def map(self, model: str, method: str, case: str, seed: int | None = None) -> Path:
        """A case's saliency map: of all networks that judge it, or of those of one seed."""
        name = case if seed is None else f"{case}.seed{seed}"
        return self.maps(model, method, shard_of(case, self.shards)) / f"{name}.nii.gz"

    def map_tables(self, model: str, method: str, cases: Iterable[str]) -> list[Path]:
        """The tables that say how the maps of these cases came out."""
        shards = by_shard(cases, self.shards)
        return [self.maps(model, method, shard) / MAPS_TABLE for shard in shards]

    def trust(self, model: str, method: str) -> Path:
        """What the tests of a method's maps measured."""
        return self.root / "trust" / model / f"{method}.tsv"

    def trust_findings(self, model: str) -> Path:
        """What they are held against where the findings come first."""
        return self.root / "trust" / f"{model}.findings.tsv"

    def scores(self, case: str) -> list[Path]:
        """The tables of a case's overlap."""
        parts = ("", ".raters", ".pairs", ".places", ".agreement", ".seeds")
        tables = [self.root / "overlap" / f"{case}{part}.tsv" for part in parts]
        return [*tables, self.root / "overlap" / f"{case}.curves.npz"]

    def prepared_indices(self, groups: Iterable[str]) -> list[Path]:
        """What stands for the prepared images of whole groups of cases."""
        return [self.root / "prepare" / f"{group}.tsv" for group in groups]

    def saliency_indices(self, cases: Iterable[str]) -> list[Path]:
        """What stands for the saliency maps of the shards of some cases."""
        return [self.root / "saliency" / f"{shard}.tsv" for shard in by_shard(cases, self.shards)]

    def weights(self, model: str, committee: Iterable[Iterable[str]]) -> list[list[str]]:
        """The weights of the networks `seed{s}/fold{k}` of a committee, by seed, as plain text."""
        folder = self.root / "train" / model
        return [[f"{folder}/{name}/weights.ckpt" for name in seed] for seed in committee]

    def of_cohort(
        self, cases: Iterable[str], annotated: Iterable[str], kinds: Sequence[str]
    ) -> list[Path]:
        """What the summary reads of each case, beside the tables of predictions."""
        paths = [self.conversion(case) for case in cases]
        paths += [self.prepared_record(kind, case) for kind in kinds for case in cases]
        for case in annotated:
            paths += [*self.scores(case), self.annotations(case)]
        return paths
