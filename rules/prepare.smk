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
    params:
        settings=settings_of("prepare"),
        region=lambda wildcards: {
            "region": [identity(path) for path in study.region_files(wildcards.case)]
        },
        code=code_digest("prepare"),
    script:
        "../workflow/scripts/prepare.py"
