"""Two arrays of as many cases as the config says.

Of the first, the task with the number `fails` fails, if the config names one. The second is held
while there is a file `hold`; its task 3 while there is `hold.3`.
"""


from pathlib import Path
from types import SimpleNamespace


include: "../../rules/array_tasks.smk"


from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from rightreason.contents import ContentDigests
from rightreason.errors import InputError

# There are no cases to look at.
study = SimpleNamespace(cases={})
digests = ContentDigests(Path("digests"))


include: "../../rules/failed_jobs.smk"


config.setdefault("fails", 0)
CASES = [f"c{i:02}" for i in range(config["cases"])]


rule all:
    input:
        expand("made/second/{case}", case=CASES),


rule convert:
    output:
        "made/first/{case}",
    shell:
        "test $SLURM_ARRAY_TASK_ID != {config[fails]}; touch {output}"


rule prepare:
    input:
        expand("made/first/{case}", case=CASES),
    output:
        touch("made/second/{case}"),
    shell:
        "while [ -e hold ] || [ -e hold.$SLURM_ARRAY_TASK_ID ]; do sleep 0.2; done"
