"""One raw map per case, by the networks that classified it."""

if CAM_METHODS:

    rule saliency_cam:
        """All methods of the CAM family from one pass: one forward, one gradient to the layer."""
        input:
            weights=lambda wildcards: networks(wildcards.model),
            indices=["results/prepare/{shard}.tsv"],
            predictions="results/predict/{model}/{shard}.tsv",
        output:
            [
                directory(f"results/saliency/{{model}}/{method}/{{shard}}")
                for method in CAM_METHODS
            ],
        log:
            "logs/saliency/{model}/cam.methods/{shard}.log",
        benchmark:
            "logs/saliency/{model}/cam.methods/{shard}.benchmark.tsv"
        conda:
            "../envs/networks.yaml"
        threads: study.config.threads
        resources:
            gpu=GPU,
            device=study.config.device,
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            settings=settings_of(
                "saliency", methods=CAM_METHODS, threads=study.config.threads
            ),
            model=lambda wildcards: model_of(wildcards.model, explained=True),
            members=lambda wildcards: study.members(wildcards.shard, wildcards.model),
            committees=committees,
            classes={"classes": study.negative_first},
            code=code_digest("saliency"),
        script:
            "../workflow/scripts/saliency.py"


if OTHER_METHODS:

    rule saliency:
        """One job per method: each pays for its own passes."""
        input:
            weights=lambda wildcards: networks(wildcards.model),
            indices=["results/prepare/{shard}.tsv"],
            predictions="results/predict/{model}/{shard}.tsv",
        output:
            directory("results/saliency/{model}/{method}/{shard}"),
        log:
            "logs/saliency/{model}/{method}/{shard}.log",
        benchmark:
            "logs/saliency/{model}/{method}/{shard}.benchmark.tsv"
        wildcard_constraints:
            method="|".join(OTHER_METHODS),
        conda:
            "../envs/networks.yaml"
        threads: study.config.threads
        resources:
            gpu=GPU,
            device=study.config.device,
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            settings=lambda wildcards: settings_of(
                "saliency",
                methods={wildcards.method: OTHER_METHODS[wildcards.method]},
                threads=study.config.threads,
            ),
            model=lambda wildcards: model_of(wildcards.model, explained=True),
            members=lambda wildcards: study.members(wildcards.shard, wildcards.model),
            committees=committees,
            classes={"classes": study.negative_first},
            code=code_digest("saliency"),
        script:
            "../workflow/scripts/saliency.py"


rule gather_saliency:
    """Stands for a shard's maps of all models and methods, which are scored together."""
    input:
        expand(
            "results/saliency/{model}/{method}/{{shard}}", model=MODELS, method=METHODS
        ),
    output:
        "results/saliency/{shard}.tsv",
    log:
        "logs/saliency/{shard}.gather.log",
    benchmark:
        "logs/saliency/{shard}.gather.benchmark.tsv"
    localrule: True
    conda:
        "../envs/imaging.yaml"
    threads: 1
    params:
        code=code_digest("gather_saliency"),
    script:
        "../workflow/scripts/gather_saliency.py"
