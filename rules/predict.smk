"""Every case classified by networks that never saw its patient."""


rule predict:
    """One job per model, so that each network is loaded once."""
    input:
        weights=lambda wildcards: networks(wildcards.model),
        images=lambda wildcards: prepared(wildcards.model, CASES, "nii.gz"),
        records=lambda wildcards: prepared(wildcards.model, CASES, "json"),
    output:
        "results/predict/{model}.tsv",
    log:
        "logs/predict/{model}.log",
    benchmark:
        "logs/predict/{model}.benchmark.tsv"
    conda:
        "../envs/networks.yaml"
    threads: study.config.threads
    resources:
        gpu=GPU,
        device=study.config.device,
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=settings_of("predict", threads=study.config.threads),
        model=lambda wildcards: model_of(wildcards.model),
        members=members(),
        committees=lambda wildcards: committees(wildcards.model),
        code=code_digest("predict"),
    script:
        "../workflow/scripts/predict.py"
