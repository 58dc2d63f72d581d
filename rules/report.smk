"""One page and its figures."""


rule report:
    """Reads what the stages left and computes no statistic of its own."""
    input:
        predictions=expand("results/predict/{model}.tsv", model=MODELS),
        overlap_tables=expand("results/overlap/{case}.tsv", case=ANNOTATED),
        chance_tables=expand("results/overlap/{case}.chance.tsv", case=ANNOTATED),
        performance="results/summary/performance.tsv",
        overlap="results/summary/overlap.tsv",
        cohort="results/summary/cohort.tsv",
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
            "results/prepare/{kind}/{case}.json", kind=INPUT_KINDS, case=CASES
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
        cases={
            case: {"patient": row.patient, "site": row.site, "label": row.label}
            for case, row in study.cases.items()
        },
        annotated={"annotated": ANNOTATED},
        code=code_digest("report"),
    script:
        "../workflow/scripts/report.py"
