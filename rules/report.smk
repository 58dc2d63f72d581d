"""One page and its figures."""


rule report:
    """Reads what the stages left and computes no statistic of its own."""
    input:
        predictions=expand("results/predict/{model}.tsv", model=MODELS),
        # Read by their places in the tree.
        summaries=expand(
            "results/summary/{table}.tsv",
            table=[
                "agreement",
                "cohort",
                "comparisons",
                "overlap",
                "performance",
                "places",
                "sensitivity",
                "verdict",
            ],
        ),
        conversions=expand("results/convert/{case}.json", case=CASES),
        images=expand("results/convert/{case}.nii.gz", case=CASES),
        annotations=expand("results/annotate/{case}", case=ANNOTATED),
        maps=expand(
            "results/saliency/{model}/{method}/{case}.nii.gz",
            model=MODELS,
            method=METHODS,
            case=CASES,
        ),
        tables=expand(
            "results/saliency/{model}/{method}.tsv", model=MODELS, method=METHODS
        ),
        records=expand(
            "results/prepare/{kind}/{case}.json", kind=USED_KINDS, case=CASES
        ),
    output:
        "results/report/index.html",
    log:
        "logs/report/report.log",
    benchmark:
        "logs/report/report.benchmark.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        # Where tables lie and networks run is no part of what the page says.
        config=study.config.model_dump(
            mode="json", exclude={"cases", "annotations", "device"}
        ),
        cases=study.described(),
        code=code_digest("report"),
    script:
        "../workflow/scripts/report.py"
