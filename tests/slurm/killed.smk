"""Jobs that SLURM kills: what a run through profiles/slurm does about it, and what it ends in.

The rules bear names of the pipeline, so that the profile treats them as it treats those.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger


include: "../../rules/array_tasks.smk"


from rightreason.contents import ContentDigests
from rightreason.errors import InputError

# There are no cases to look at.
study = SimpleNamespace(cases={})
digests = ContentDigests(Path("digests"))


include: "../../rules/failed_jobs.smk"


HOLD = "import time; held = bytearray({}); held[::4096] = b'x' * len(held[::4096]); time.sleep({})"


rule all:
    input:
        expand("made/memory/{case}", case=["small", "large"]),
        expand("made/time/{case}", case=["long"]),


rule convert:
    """Holds 300 MB in case `small`, too much for the first attempt; more than any in `large`."""
    output:
        touch("made/memory/{case}"),
    log:
        "logs/convert/{case}.log",
    resources:
        mem_mb=lambda wildcards, attempt: 400 * attempt,
        runtime=5,
    params:
        python=sys.executable,
        hold=lambda wildcards: HOLD.format(
            {"small": 300_000_000, "large": 2_000_000_000}[wildcards.case], 30
        ),
    shell:
        '{params.python} -c "{params.hold}" > {log}'


rule prepare:
    """Never ends."""
    output:
        touch("made/time/{case}"),
    log:
        "logs/prepare/{case}.log",
    resources:
        mem_mb=400,
        runtime=lambda wildcards, attempt: attempt,
    shell:
        "sleep 3600 > {log}"
