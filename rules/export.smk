"""Attended regions and saliency for a PACS, on request (`report: dicom: true`)."""

EXPORTED = study.dicom_cases if study.config.report.dicom else []

if study.config.report.dicom:
    if workflow.is_main_process and len(EXPORTED) < len(CASES):
        logger.info(
            "report.dicom: no DICOM objects for the cases whose image is NIfTI, since they would "
            f"have no series to belong to: {', '.join(c for c in CASES if c not in EXPORTED)}."
        )

    rule export:
        """One job per case that is DICOM: a Segmentation and a Parametric Map of every map.

        They name the patient, as the source series does: a PACS files by it. It is the only output
        that does, is made only on request, and lies outside of the report, which people share.
        """
        input:
            saliency=lambda wildcards: study.layout.saliency_indices([wildcards.case]),
            records=lambda wildcards: study.records(wildcards.case),
            conversion="results/convert/{case}.json",
            image=lambda wildcards: outside([study.cases[wildcards.case].image]),
            # Only a region as large as the reference depends on what raters marked.
            annotations=lambda wildcards: [
                f"results/annotate/{case}"
                for case in [wildcards.case]
                if study.headline_rule["rule"] == "area" and case in study.annotations
            ],
        output:
            directory("results/export/{case}"),
        log:
            "logs/export/{case}.log",
        benchmark:
            "logs/export/{case}.benchmark.tsv"
        conda:
            "../envs/imaging.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 4000 * attempt,
            runtime=lambda wildcards, attempt: 30 * attempt,
            on_failed_case=study.config.on_failed_case,
        params:
            settings={
                "binarisation": study.headline_rule,
                "name": study.config.headline.binarisation,
                "reference": study.config.headline.reference,
            },
            files={"methods": METHODS, "models": KINDS},
            shards=study.config.shards,
            image=lambda wildcards: identity(study.cases[wildcards.case].image),
            code=code_digest("export"),
        script:
            "../workflow/scripts/export.py"
