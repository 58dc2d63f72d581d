"""The models' inputs, still images in patient space."""


rule prepare:
    """All kinds of input in one job, so that a new model never prepares the cohort again."""
    input:
        volume="results/convert/{case}.nii.gz",
        region=lambda wildcards: outside(study.region_files(wildcards.case)),
    output:
        images=expand("results/prepare/{kind}/{{case}}.nii.gz", kind=INPUT_KINDS),
        records=expand("results/prepare/{kind}/{{case}}.json", kind=INPUT_KINDS),
    log:
        "logs/prepare/{case}.log",
    benchmark:
        "logs/prepare/{case}.benchmark.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
        # No parameter: it changes no result that is there.
        on_failed_case=study.config.on_failed_case,
    params:
        settings=settings_of("prepare"),
        region=lambda wildcards: {
            "region": [identity(path) for path in study.region_files(wildcards.case)]
        },
        code=code_digest("prepare"),
    script:
        "../workflow/scripts/prepare.py"


rule gather_prepared:
    """Stands for the images of a group of cases, so that networks need not name thousands."""
    input:
        # One file of each case: all kinds come from one job. Of the others `origin` tells.
        lambda wildcards: [
            f"results/prepare/{INPUT_KINDS[0]}/{case}.json"
            for case in study.groups[wildcards.group]
        ],
    output:
        "results/prepare/{group}.tsv",
    log:
        "logs/prepare/{group}.gather.log",
    benchmark:
        "logs/prepare/{group}.gather.benchmark.tsv"
    localrule: True
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        on_failed_case=study.config.on_failed_case,
    params:
        cases=lambda wildcards: {"cases": study.groups[wildcards.group]},
        origin=lambda wildcards: origin(
            convert=study.groups[wildcards.group],
            prepare=study.groups[wildcards.group],
        ),
        code=code_digest("gather_prepared"),
    script:
        "../workflow/scripts/gather_prepared.py"
