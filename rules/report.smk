"""One page and its figures; what its viewer shows of each case."""


rule make_view:
    """One job per case: an edited annotation touches its own case's view only."""
    input:
        volume="results/convert/{case}.nii.gz",
        saliency=lambda wildcards: study.layout.saliency_indices([wildcards.case]),
        records=lambda wildcards: study.records(wildcards.case),
        annotations=lambda wildcards: [
            f"results/annotate/{case}"
            for case in [wildcards.case]
            if case in study.annotations
        ],
    output:
        "results/report/cases/{case}.js",
    log:
        "logs/report/{case}.view.log",
    benchmark:
        "logs/report/{case}.view.benchmark.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
        on_failed_case=study.config.on_failed_case,
    params:
        settings=study.view_settings(),
        files={"methods": METHODS, "models": KINDS},
        shards=study.config.shards,
        code=code_digest("make_view"),
    script:
        "../workflow/scripts/make_view.py"


rule report:
    """Reads what the stages left and computes no statistic of its own."""
    input:
        predictions=expand("results/predict/{model}.tsv", model=MODELS),
        # Read by their places in the tree.
        summaries=expand(
            "results/summary/{table}.tsv",
            table=[
                "agreement",
                "bands",
                "calibration",
                "cohort",
                "comparisons",
                "curves",
                "failed",
                "overlap",
                "performance",
                "places",
                "ratios",
                "sensitivity",
                "trust",
                "verdict",
            ],
        ),
        saliency=expand("results/saliency/{shard}.tsv", shard=SHARDS),
        # What the networks say of their training, and what tells one network from another.
        networks=expand(
            "results/train/{model}/{network}/{file}",
            model=TRAINED_HERE,
            network=study_networks.names(study.config),
            file=["metrics.csv", "record.json", "weights.ckpt"],
        ),
        # Each stands for what its case went through.
        views=lambda wildcards: expand("results/report/cases/{case}.js", case=CASES),
    output:
        # First: the wrapper writes all else beside it.
        report(
            "results/report/index.html",
            category="Report",
            caption="captions/page.rst",
            labels={"what": "the page"},
        ),
        # Whole, so that the figures of an earlier config go with it.
        report(
            directory("results/report/figures"),
            # Of plots the lines, of cases, which are made of pixels, the pixels.
            patterns=["{name}.svg", "{name,(ct|saliency|votes)_.+}.png"],
            category=lambda wildcards: (
                "Cases"
                if wildcards.name.startswith(("ct_", "saliency_", "votes_"))
                else "Figures"
            ),
            caption="captions/figure.rst",
            labels={"figure": "{name}"},
        ),
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
        on_failed_case=study.config.on_failed_case,
    params:
        # Where tables lie and networks run is no part of what the page says.
        config=lambda wildcards: {
            **study.config.model_dump(
                mode="json",
                exclude={"cases", "annotations", "code", "device", "on_failed_case"},
            ),
            "models": {
                model: study_networks.reported(study.config, model, digests.of)
                for model in MODELS
            },
        },
        # Snakemake's own report shows parameters: a patient's name has no place in it.
        cases=lambda wildcards: {
            case: {"site": about["site"], "label": about["label"]}
            for case, about in study.described().items()
        },
        annotated={"cases": ANNOTATED},
        origin=lambda wildcards: origin(convert=CASES, annotate=ANNOTATED),
        code=code_digest("report"),
    script:
        "../workflow/scripts/report.py"
