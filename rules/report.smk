"""One page and its figures."""


rule report:
    """Reads what the stages left; computes no statistic of its own."""
    input:
        performance="results/summary/performance.tsv",
        summary="results/summary/overlap.tsv",
    output:
        "results/report/index.html",
    log:
        "logs/report/report.log",
    conda:
        "../envs/statistics.yaml"
    params:
        code=code_digest("report"),
    script:
        "../workflow/scripts/report.py"
