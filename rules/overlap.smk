"""Saliency against every rater and reference, on the CT grid."""


rule overlap:
    """One job per annotated case, over all models and methods: the annotations are read once."""
    input:
        maps=expand(
            "results/saliency/{model}/{method}/{{case}}.nii.gz",
            model=MODELS,
            method=METHODS,
        ),
        seed_maps=expand(
            "results/saliency/{model}/{method}/{{case}}.seed{seed}.nii.gz",
            model=MODELS,
            method=METHODS,
            seed=EACH_SEED,
        ),
        records=lambda wildcards: [
            prepared(model, [wildcards.case], "json")[0] for model in MODELS
        ],
        donor_maps=lambda wildcards: expand(
            "results/saliency/{model}/{method}/{donor}.nii.gz",
            model=MODELS,
            donor=study.donors(wildcards.case),
            method=METHODS,
        ),
        donor_records=lambda wildcards: [
            path
            for model in MODELS
            for path in prepared(model, study.donors(wildcards.case), "json")
        ],
        annotations="results/annotate/{case}",
        volume="results/convert/{case}.nii.gz",
        region=lambda wildcards: outside(study.region_files(wildcards.case)),
    output:
        table="results/overlap/{case}.tsv",
        raters="results/overlap/{case}.raters.tsv",
        pairs="results/overlap/{case}.pairs.tsv",
        places="results/overlap/{case}.places.tsv",
        agreement="results/overlap/{case}.agreement.tsv",
        seeds="results/overlap/{case}.seeds.tsv",
        curves="results/overlap/{case}.curves.npz",
    log:
        "logs/overlap/{case}.log",
    benchmark:
        "logs/overlap/{case}.benchmark.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=settings_of("overlap", distances=study.distances),
        # Which file belongs to what, in the order of the inputs.
        layout=lambda wildcards: {
            "donors": len(study.donors(wildcards.case)),
            "methods": METHODS,
            "models": MODELS,
            "seeds": len(EACH_SEED),
        },
        region=lambda wildcards: {
            "region": [identity(p) for p in study.region_files(wildcards.case)]
        },
        code=code_digest("overlap"),
    script:
        "../workflow/scripts/overlap.py"
