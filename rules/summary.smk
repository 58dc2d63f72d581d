"""The cohort: what entered the audit; performance, overlap and verdicts, with intervals."""


rule summary:
    """Once, over all cases: intervals need the whole cohort."""
    input:
        # Read by their places in the tree.
        predictions=expand("results/predict/{model}.tsv", model=MODELS),
        seeds=expand("results/predict/{model}.seeds.tsv", model=MODELS),
        overlap=expand("results/overlap/{case}.tsv", case=ANNOTATED),
        overlap_parts=expand(
            "results/overlap/{case}.{part}.tsv",
            part=["agreement", "pairs", "places", "raters", "seeds"],
            case=ANNOTATED,
        ),
        curves=expand("results/overlap/{case}.curves.npz", case=ANNOTATED),
        conversions=expand("results/convert/{case}.json", case=CASES),
        records=expand(
            "results/prepare/{kind}/{case}.json", kind=USED_KINDS, case=CASES
        ),
        annotations=expand("results/annotate/{case}", case=ANNOTATED),
    output:
        performance="results/summary/performance.tsv",
        overlap="results/summary/overlap.tsv",
        sensitivity="results/summary/sensitivity.tsv",
        places="results/summary/places.tsv",
        verdict="results/summary/verdict.tsv",
        curves="results/summary/curves.tsv",
        comparisons="results/summary/comparisons.tsv",
        agreement="results/summary/agreement.tsv",
        cohort="results/summary/cohort.tsv",
    log:
        "logs/summary/summary.log",
    benchmark:
        "logs/summary/summary.benchmark.tsv"
    conda:
        "../envs/statistics.yaml"
    threads: 1
    resources:
        # Three models and methods against four raters take 0.3 MB per case.
        mem_mb=lambda wildcards, attempt: (4000 + len(ANNOTATED) // 2) * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        study={
            "external_sites": list(study.config.external_sites),
            "positive": study.config.positive,
            "headline": study.config.section("headline"),
            "methods": {
                name: {"algorithm": method.algorithm, "layer": method.layer}
                for name, method in study.config.saliency.methods.items()
            },
            "layers": {
                name: model.target_layer for name, model in study.config.models.items()
            },
        },
        settings=settings_of("summary"),
        # In a dict, since Snakemake compares a bare list as a set.
        models={"models": MODELS},
        cases=study.described(),
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
