"""Saliency against every rater and reference, on the CT grid."""


rule overlap:
    """One job per annotated case, over all models and methods: the annotations are read once."""
    input:
        maps=expand(
            "results/saliency/{model}/{method}/{{case}}.nii.gz",
            model=MODELS,
            method=METHODS,
        ),
        records=lambda wildcards: [
            prepared(model, [wildcards.case], "json")[0] for model in MODELS
        ],
        annotations="results/annotate/{case}",
        predictions=expand("results/predict/{model}.tsv", model=MODELS),
    output:
        table="results/overlap/{case}.tsv",
        chance="results/overlap/{case}.chance.tsv",
    log:
        "logs/overlap/{case}.log",
    benchmark:
        "logs/overlap/{case}.benchmark.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        settings=settings_of("overlap"),
        # Which map belongs to which model and method, in the order of `maps`.
        models={"models": MODELS},
        methods={"methods": METHODS},
        positive=study.config.positive,
        code=code_digest("overlap"),
    script:
        "../workflow/scripts/overlap.py"
