"""The cohort: what entered the audit; performance and overlap, with intervals."""


rule summary:
    """Once, over all cases: intervals need the whole cohort."""
    input:
        overlap=expand("results/overlap/{case}.tsv", case=ANNOTATED),
        predictions=expand("results/predict/{model}.tsv", model=MODELS),
        # Read by their places in the tree.
        conversions=expand("results/convert/{case}.json", case=CASES),
        records=expand(
            "results/prepare/{kind}/{case}.json", kind=USED_KINDS, case=CASES
        ),
        annotations=expand("results/annotate/{case}", case=ANNOTATED),
    output:
        performance="results/summary/performance.tsv",
        overlap="results/summary/overlap.tsv",
        cohort="results/summary/cohort.tsv",
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
        study={
            "external_sites": list(study.config.external_sites),
            "positive": study.config.positive,
            "settings": settings_of("summary"),
        },
        models={"models": MODELS},
        cases={
            case: {"patient": row.patient, "site": row.site, "label": row.label}
            for case, row in study.cases.items()
        },
        entered={
            "kinds": USED_KINDS,
            "raters": {
                case: sorted({row.rater for row in study.annotations[case]})
                for case in ANNOTATED
            },
        },
        code=code_digest("summary"),
    script:
        "../workflow/scripts/summary.py"
