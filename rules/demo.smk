"""The embedded synthetic cohort, a study in itself."""

from rightreason import demo_plan

if study.is_demo:

    rule demo:
        """Writes real DICOM series, so that the pipeline meets at home what it meets outside."""
        output:
            files=[
                f"results/demo/{file}"
                for file in demo_plan.output_files(study.config.section("demo"))
            ],
            folders=directory(
                [
                    f"results/demo/{folder}"
                    for folder in demo_plan.output_folders(
                        study.config.section("demo")
                    )
                ]
            ),
        log:
            "logs/demo/demo.log",
        benchmark:
            "logs/demo/demo.benchmark.tsv"
        conda:
            "../envs/imaging.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 2000 * attempt,
            runtime=lambda wildcards, attempt: 20 * attempt,
        params:
            settings=settings_of("demo"),
            code=code_digest("demo"),
        script:
            "../workflow/scripts/demo.py"
