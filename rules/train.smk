"""One network per model, seed and fold."""


rule train:
    """Gets no case of its test fold, of an external site, and no annotation."""
    input:
        indices=lambda wildcards: study.layout.prepared_indices(
            f"fold{fold}"
            for fold in range(study.config.train.folds)
            if fold != int(wildcards.fold)
        ),
        weights=lambda wildcards: [
            ancient(path)
            for path in [study.config.models[wildcards.model].weights]
            if path
        ],
    output:
        weights="results/train/{model}/seed{seed}/fold{fold}/weights.ckpt",
        metrics="results/train/{model}/seed{seed}/fold{fold}/metrics.csv",
        record="results/train/{model}/seed{seed}/fold{fold}/record.json",
    log:
        "logs/train/{model}/seed{seed}/fold{fold}.log",
    benchmark:
        "logs/train/{model}/seed{seed}/fold{fold}.benchmark.tsv"
    wildcard_constraints:
        model=one_of(TRAINED_HERE),
    conda:
        "../envs/networks.yaml"
    threads: study.config.threads
    resources:
        gpu=GPU,
        # No parameter: another machine makes no finished network due again.
        device=study.config.device,
        # All images of a fold are in memory, once. (More of them make no network due: Snakemake
        # compares no resources.)
        mem_mb=lambda wildcards, attempt: (
            8000
            + len(study.parts(int(wildcards.fold)))
            * study_networks.image_bytes(study.config, wildcards.model)
            // 10**6
        )
        * attempt,
        runtime=lambda wildcards, attempt: 600 * attempt,
    params:
        # The number of seeds decides which networks there are, not how one is trained.
        settings=settings_of("train", seeds=None, threads=study.config.threads),
        model=lambda wildcards: model_of(wildcards.model),
        parts=lambda wildcards: study.parts(int(wildcards.fold)),
        labels=lambda wildcards: {
            case: study.label(case) for case in study.parts(int(wildcards.fold))
        },
        code=code_digest("train"),
    script:
        "../workflow/scripts/train.py"
