"""rightreason: does an imaging classifier look where the experts look?

The table of contents; each stage is wired in rules/<stage>.smk, in the order data flow.
"""

from snakemake.utils import min_version

min_version("9.25")


# A study named with --configfile stands alone: Snakemake would merge it into this one.
if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/demo.smk"
include: "rules/convert.smk"
include: "rules/annotate.smk"
include: "rules/prepare.smk"
include: "rules/train.smk"
include: "rules/predict.smk"
include: "rules/saliency.smk"
include: "rules/overlap.smk"
include: "rules/summary.smk"
include: "rules/report.smk"


rule all:
    """The whole audit ends in one page."""
    default_target: True
    input:
        "results/report/index.html",
