"""What the jobs that run networks have in common: settings, and the images of usable cases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rightreason.cohort_index import prepared_images
from rightreason.layout import Layout


def network_job(snakemake: Any, cases: Iterable[str]) -> tuple[dict[str, Path], dict[str, Any]]:
    """Return the prepared images of those of the cases that did not fail, and the settings.

    Parameters
    ----------
    snakemake : object
        What Snakemake hands to a script. Its input `indices` names the cases' groups; the device is
        a resource, since another machine makes no finished result due again.
    cases : iterable of str
        Those the job asks for.

    Raises
    ------
    InputError
        When an image is not as it was made.
    """
    params = snakemake.params
    settings = {**params.settings, "device": snakemake.resources.device}
    kind, layout = params.model["input"], Layout(shards=1)
    return prepared_images(snakemake.input.indices, cases, kind, layout), settings
