"""One raw map per case, by the networks that classified it."""

if CAM_METHODS:

    rule saliency_cam:
        """All methods of the CAM family from one pass: one forward, one gradient to the layer."""
        input:
            weights=lambda wildcards: networks(wildcards.model),
            images=lambda wildcards: prepared(wildcards.model, CASES, "nii.gz"),
            records=lambda wildcards: prepared(wildcards.model, CASES, "json"),
            predictions="results/predict/{model}.tsv",
        output:
            tables=expand("results/saliency/{{model}}/{method}.tsv", method=CAM_METHODS),
            maps=expand(
                "results/saliency/{{model}}/{method}/{case}.nii.gz",
                method=CAM_METHODS,
                case=CASES,
            ),
            seed_maps=expand(
                "results/saliency/{{model}}/{method}/{case}.seed{seed}.nii.gz",
                method=CAM_METHODS,
                case=CASES,
                seed=EACH_SEED,
            ),
        log:
            "logs/saliency/{model}/cam.methods.log",
        benchmark:
            "logs/saliency/{model}/cam.methods.benchmark.tsv"
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
            committees=lambda wildcards: committees(wildcards.model),
            labels={case: study.label(case) for case in CASES},
            positive=study.config.positive,
            code=code_digest("saliency"),
        script:
            "../workflow/scripts/saliency.py"


if OTHER_METHODS:

    rule saliency:
        """One job per method: each pays for its own passes."""
        input:
            weights=lambda wildcards: networks(wildcards.model),
            images=lambda wildcards: prepared(wildcards.model, CASES, "nii.gz"),
            records=lambda wildcards: prepared(wildcards.model, CASES, "json"),
            predictions="results/predict/{model}.tsv",
        output:
            tables=["results/saliency/{model}/{method}.tsv"],
            maps=expand(
                "results/saliency/{{model}}/{{method}}/{case}.nii.gz", case=CASES
            ),
            seed_maps=expand(
                "results/saliency/{{model}}/{{method}}/{case}.seed{seed}.nii.gz",
                case=CASES,
                seed=EACH_SEED,
            ),
        log:
            "logs/saliency/{model}/{method}.log",
        benchmark:
            "logs/saliency/{model}/{method}.benchmark.tsv"
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
            committees=lambda wildcards: committees(wildcards.model),
            labels={case: study.label(case) for case in CASES},
            positive=study.config.positive,
            code=code_digest("saliency"),
        script:
            "../workflow/scripts/saliency.py"
