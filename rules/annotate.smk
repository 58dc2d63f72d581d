"""Every rater's file onto the CT grid; votes."""


rule annotate:
    """One job per annotated case: an edited annotation touches its own case only."""
    input:
        volume="results/convert/{case}.nii.gz",
        record="results/convert/{case}.json",
        files=lambda wildcards: outside(
            [row.file for row in study.annotations[wildcards.case] if row.file]
        ),
    output:
        directory("results/annotate/{case}"),
    log:
        "logs/annotate/{case}.log",
    benchmark:
        "logs/annotate/{case}.benchmark.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
        # No parameter: it changes no result that is there.
        on_failed_case=study.config.on_failed_case,
    params:
        settings=settings_of("annotate"),
        # In the order of `files`; a rater who found nothing has a row and no file.
        rows=lambda wildcards: [
            {
                "rater": row.rater,
                "roi": row.roi,
                "file": identity(row.file) if row.file else None,
            }
            for row in study.annotations[wildcards.case]
        ],
        code=code_digest("annotate"),
    script:
        "../workflow/scripts/annotate.py"
