"""Tests of the maps themselves, on the study's own networks, before any number is reported."""

from rightreason.trusted import (
    annotated_trust_cases,
    trust_cases,
    trust_settings,
    trust_tests,
)

if trust_tests(study, afterwards=False):

    rule trust:
        """One job per model and method, on a few cases: an added method is tested alone."""
        input:
            weights=lambda wildcards: networks(wildcards.model),
            # Not of shards: a new external case must not make the tests due.
            indices=study.layout.prepared_indices(
                f"fold{k}" for k in range(study.config.train.folds)
            ),
        output:
            "results/trust/{model}/{method}.tsv",
        log:
            "logs/trust/{model}/{method}.log",
        benchmark:
            "logs/trust/{model}/{method}.benchmark.tsv"
        conda:
            "../envs/networks.yaml"
        threads: study.config.threads
        resources:
            gpu=GPU,
            device=study.config.device,
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 120 * attempt,
        params:
            settings=trust_settings(study),
            model=lambda wildcards: model_of(wildcards.model, explained=True),
            method=lambda wildcards: study.config.section("saliency")["methods"][
                wildcards.method
            ],
            cases=lambda wildcards: trust_cases(study, wildcards.model),
            committees=committees,
            code=code_digest("trust"),
        script:
            "../workflow/scripts/trust.py"


if "findings" in study.config.trust.tests:

    rule trust_findings:
        """The part that needs annotations, for all methods of a model, since it has no map."""
        input:
            weights=lambda wildcards: networks(wildcards.model),
            indices=study.layout.prepared_indices(
                f"fold{k}" for k in range(study.config.train.folds)
            ),
            annotations=lambda wildcards: [
                f"results/annotate/{case}"
                for case in annotated_trust_cases(study, wildcards.model)
            ],
        output:
            "results/trust/{model}.findings.tsv",
        log:
            "logs/trust/{model}.findings.log",
        benchmark:
            "logs/trust/{model}.findings.benchmark.tsv"
        conda:
            "../envs/networks.yaml"
        threads: study.config.threads
        resources:
            gpu=GPU,
            device=study.config.device,
            mem_mb=lambda wildcards, attempt: 8000 * attempt,
            runtime=lambda wildcards, attempt: 60 * attempt,
            on_failed_case=study.config.on_failed_case,
        params:
            settings=trust_settings(study),
            model=lambda wildcards: model_of(wildcards.model),
            cases=lambda wildcards: annotated_trust_cases(study, wildcards.model),
            committees=committees,
            code=code_digest("trust_findings"),
        script:
            "../workflow/scripts/trust_findings.py"
