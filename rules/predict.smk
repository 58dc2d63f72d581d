"""Every case classified by networks that never saw its patient."""


rule predict:
    """One job per model, so that each network is loaded once."""
    input:
        weights=lambda wildcards: networks(wildcards.model),
        images=lambda wildcards: prepared(wildcards.model, CASES, "nii.gz"),
        records=lambda wildcards: prepared(wildcards.model, CASES, "json"),
    output:
        table="results/predict/{model}.tsv",
        validation="results/predict/{model}.validation.tsv",
        seeds="results/predict/{model}.seeds.tsv",
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
        members={
            case: {"site": row.site, "fold": study.folds.get(case), "label": row.label}
            for case, row in study.cases.items()
        },
        committees=lambda wildcards: committees(wildcards.model),
        # The cases that choose each fold's threshold: never a test case, never an external one.
        validation=lambda wildcards: {
            fold: {
                "cases": study.validation(fold),
                "networks": weights(wildcards.model, study.fold_committee(fold)),
            }
            for fold in range(study.config.train.folds)
        },
        classes={"classes": study.negative_first},
        code=code_digest("predict"),
    script:
        "../workflow/scripts/predict.py"
