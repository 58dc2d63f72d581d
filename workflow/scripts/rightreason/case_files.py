"""The files that the job of one case reads, by model and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rightreason import made
from rightreason.failures import failure_of
from rightreason.layout import Layout


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

    def paths(self) -> list[Path]:
        """List all of them."""
        of_seeds = [path for paths in self.seeds.values() for path in paths]
        of_donors = [path for record, maps in self.donors for path in (record, *maps.values())]
        return [self.record, *self.maps.values(), *of_seeds, *of_donors]


def case_job(snakemake: Any) -> tuple[str, dict[str, ModelFiles]]:
    """Return the case of a job and its files, as the parameters `shards` and `files` say."""
    case, params = snakemake.wildcards.case, snakemake.params
    return case, case_files(case, Layout(params.shards), **params.files)


def case_files(
    case: str,
    layout: Layout,
    models: Mapping[str, str],
    methods: Sequence[str],
    seeds: Mapping[str, int] | None = None,
    donors: Sequence[str] = (),
) -> dict[str, ModelFiles]:
    """Return a case's files by model; donors that failed are left out.

    Parameters
    ----------
    case : str
        Its id.
    layout : Layout
        Of the study.
    models : mapping of model to kind of input
        In the order of the tables.
    methods : sequence of str
        Of saliency.
    seeds : mapping of model to int
        How many seeds have maps of their own; a model that has one seed is not in it.
    donors : sequence of str
        The cases whose maps are placed on this one.

    Raises
    ------
    InputError
        When one of them is not as it was made.
    """

    def maps(model: str, of: str) -> dict[str, Path]:
        return {method: layout.map(model, method, of) for method in methods}

    kind = next(iter(models.values()))
    donors = [name for name in donors if not failure_of(layout.prepared_record(kind, name))]
    files = {
        model: ModelFiles(
            record=layout.prepared_record(kind, case),
            maps=maps(model, case),
            seeds={
                method: [layout.map(model, method, case, seed) for seed in range(seeds[model])]
                for method in methods
                if seeds and model in seeds
            },
            donors=[(layout.prepared_record(kind, donor), maps(model, donor)) for donor in donors],
        )
        for model, kind in models.items()
    }
    made.check([path for of_model in files.values() for path in of_model.paths()])
    return files
