"""Every case classified by networks that never saw its patient, or that were trained elsewhere."""


rule threshold:
    """Apart from `predict`: a new external case must not make all shards due."""
    input:
        weights=lambda wildcards: networks(wildcards.model),
        indices=study.layout.prepared_indices(
            f"fold{k}" for k in range(study.config.train.folds)
        ),
    output:
        validation="results/predict/{model}/validation.tsv",
        thresholds="results/predict/{model}/thresholds.tsv",
    log:
        "logs/predict/{model}/threshold.log",
    benchmark:
        "logs/predict/{model}/threshold.benchmark.tsv"
    wildcard_constraints:
        model=one_of(TRAINED_HERE),
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
        committees=committees,
        # The cases that choose each fold's threshold: never a test case, never an external one.
        validation=lambda wildcards: {
            k: study.validation(k) for k in range(study.config.train.folds)
        },
        labels=lambda wildcards: {case: study.cases[case].label for case in study.folds},
        classes={"classes": study.negative_first},
        code=code_digest("threshold"),
    script:
        "../workflow/scripts/threshold.py"


rule given_threshold:
    """Of a model that was trained elsewhere: there are no validation patients to choose it on."""
    output:
        "results/predict/{model}/thresholds.tsv",
    log:
        "logs/predict/{model}/given_threshold.log",
    benchmark:
        "logs/predict/{model}/given_threshold.benchmark.tsv"
    wildcard_constraints:
        model=one_of(set(MODELS) - set(TRAINED_HERE)),
    localrule: True
    conda:
        "../envs/imaging.yaml"
    threads: 1
    params:
        threshold=lambda wildcards: study_networks.threshold(
            study.config, wildcards.model
        ),
        code=code_digest("given_threshold"),
    script:
        "../workflow/scripts/given_threshold.py"


rule predict:
    """One job per model and shard, so that each network is loaded once."""
    input:
        weights=lambda wildcards: networks(wildcards.model),
        thresholds="results/predict/{model}/thresholds.tsv",
        indices=["results/prepare/{shard}.tsv"],
    output:
        table="results/predict/{model}/{shard}.tsv",
        seeds="results/predict/{model}/{shard}.seeds.tsv",
    log:
        "logs/predict/{model}/{shard}.log",
    benchmark:
        "logs/predict/{model}/{shard}.benchmark.tsv"
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
        members=lambda wildcards: study.members(wildcards.shard, wildcards.model),
        committees=committees,
        classes={"classes": study.negative_first},
        code=code_digest("predict"),
    script:
        "../workflow/scripts/predict.py"


rule gather_predictions:
    """The shards' tables as one, in the order of the cohort."""
    input:
        tables=expand("results/predict/{{model}}/{shard}.tsv", shard=SHARDS),
        seeds=expand("results/predict/{{model}}/{shard}.seeds.tsv", shard=SHARDS),
        indices=study.layout.prepared_indices(SHARDS),
    output:
        table="results/predict/{model}.tsv",
        seeds="results/predict/{model}.seeds.tsv",
    log:
        "logs/predict/{model}.gather.log",
    benchmark:
        "logs/predict/{model}.gather.benchmark.tsv"
    localrule: True
    conda:
        "../envs/imaging.yaml"
    threads: 1
    params:
        cases=lambda wildcards: {"cases": CASES},
        seeds=lambda wildcards: SEEDS[wildcards.model],
        code=code_digest("gather_predictions"),
    script:
        "../workflow/scripts/gather_predictions.py"
