"""DICOM to NIfTI, one volume per case."""


rule convert:
    """One job per case, so that one bad series stops one case."""
    input:
        image=lambda wildcards: outside([study.cases[wildcards.case].image]),
    output:
        volume="results/convert/{case}.nii.gz",
        record="results/convert/{case}.json",
    log:
        "logs/convert/{case}.log",
    benchmark:
        "logs/convert/{case}.benchmark.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
        # No parameter: it changes no result that is there.
        on_failed_case=study.config.on_failed_case,
    params:
        settings=settings_of("convert"),
        source=lambda wildcards: {
            "image": identity(study.cases[wildcards.case].image),
            "series": study.cases[wildcards.case].series,
        },
        code=code_digest("convert"),
    script:
        "../workflow/scripts/convert.py"
