"""The cohort: what entered the audit; performance, overlap and verdicts, with intervals."""

from rightreason.trusted import trust_files


rule summary:
    """Once, over all cases: intervals need the whole cohort."""
    input:
        # Read by their places in the tree; one file, and `origin`, stand for all that its job makes.
        predictions=expand("results/predict/{model}.tsv", model=MODELS),
        overlap=lambda wildcards: expand("results/overlap/{case}.tsv", case=ANNOTATED),
        indices=study.layout.prepared_indices(SHARDS),
        trust=lambda wildcards: trust_files(study),
    output:
        performance="results/summary/performance.tsv",
        calibration="results/summary/calibration.tsv",
        overlap="results/summary/overlap.tsv",
        ratios="results/summary/ratios.tsv",
        sensitivity="results/summary/sensitivity.tsv",
        places="results/summary/places.tsv",
        verdict="results/summary/verdict.tsv",
        curves="results/summary/curves.tsv",
        bands="results/summary/bands.tsv",
        comparisons="results/summary/comparisons.tsv",
        agreement="results/summary/agreement.tsv",
        cohort="results/summary/cohort.tsv",
        failed="results/summary/failed.tsv",
        trust="results/summary/trust.tsv",
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
        on_failed_case=study.config.on_failed_case,
    params:
        study={
            "external_sites": list(study.config.external_sites),
            "positive": study.config.positive,
            "headline": study.config.section("headline"),
            "trust": {
                name: study.config.section("trust")[name]
                for name in ("tests", "limits")
            },
            "shards": study.config.shards,
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
        cases=lambda wildcards: study.described(),
        entered={
            "kinds": USED_KINDS,
            "raters": {
                case: sorted({row.rater for row in study.annotations[case]})
                for case in ANNOTATED
            },
        },
        origin=lambda wildcards: origin(
            convert=CASES, annotate=ANNOTATED, overlap=ANNOTATED
        ),
        code=code_digest("summary"),
    script:
        "../workflow/scripts/summary.py"
