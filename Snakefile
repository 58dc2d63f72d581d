"""rightreason, the table of contents: each stage is wired in rules/<stage>.smk, as data flow."""

from snakemake.utils import min_version

min_version("9.25")


# A study named with --configfile stands alone: Snakemake would merge it into this one.
if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "rules/array_tasks.smk"
include: "rules/common.smk"
include: "rules/failed_jobs.smk"
include: "rules/demo.smk"
include: "rules/convert.smk"
include: "rules/annotate.smk"
include: "rules/prepare.smk"
include: "rules/train.smk"
include: "rules/predict.smk"
include: "rules/saliency.smk"
include: "rules/trust.smk"
include: "rules/overlap.smk"
include: "rules/summary.smk"
include: "rules/report.smk"
include: "rules/export.smk"


rule all:
    """The whole audit ends in one page; on request, there are DICOM objects beside it."""
    default_target: True
    input:
        "results/report/index.html",
        lambda wildcards: expand("results/report/cases/{case}.js", case=CASES),
        lambda wildcards: expand("results/export/{case}", case=EXPORTED),
