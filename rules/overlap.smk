"""Saliency against every rater and reference, on the CT grid."""


rule overlap:
    """One job per annotated case, over all models and methods: the annotations are read once."""
    input:
        # The maps of the case and of those that are placed on it.
        saliency=lambda wildcards: study.layout.saliency_indices(
            [wildcards.case, *study.donors(wildcards.case)]
        ),
        records=lambda wildcards: study.records(wildcards.case),
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
        on_failed_case=study.config.on_failed_case,
    params:
        settings=settings_of("overlap", distances=study.distances),
        files=lambda wildcards: {
            "donors": study.donors(wildcards.case),
            "methods": METHODS,
            "models": KINDS,
            # Those that have maps of their own beside the mean.
            "seeds": {model: n for model, n in SEEDS.items() if n > 1},
        },
        shards=study.config.shards,
        region=lambda wildcards: {
            "region": [identity(p) for p in study.region_files(wildcards.case)]
        },
        code=code_digest("overlap"),
    script:
        "../workflow/scripts/overlap.py"
