"""The cohort: performance and overlap, with intervals."""


rule summary:
    """Once, over all cases: intervals need the whole cohort."""
    input:
        overlap=expand("results/overlap/{case}.tsv", case=ANNOTATED),
        predictions=expand("results/predict/{model}.tsv", model=MODELS),
    output:
        performance="results/summary/performance.tsv",
        overlap="results/summary/overlap.tsv",
    log:
        "logs/summary/summary.log",
    benchmark:
        "logs/summary/summary.benchmark.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=settings_of("summary"),
        models={"models": MODELS},
        cases={
            case: {"patient": row.patient, "site": row.site, "label": row.label}
            for case, row in study.cases.items()
        },
        external_sites={"external_sites": list(study.config.external_sites)},
        positive=study.config.positive,
        code=code_digest("summary"),
    script:
        "../workflow/scripts/summary.py"
