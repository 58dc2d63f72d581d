"""The numbers of the page's main tables, formed again from the tables of the stages."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd

from tests.unit.report_fakes import rows_under

NBSP = "\N{NO-BREAK SPACE}"


def of_headline(table, **other):
    wanted = {"method": "gradcam", "reference": "union", "binarisation": "otsu",
              "subset": "correct", **other}  # fmt: skip
    return table[(table[list(wanted)] == list(wanted.values())).all(axis=1)]


def with_limits(row, name, low, high, form):
    text = form(row[name])
    return (
        text if np.isnan(row[low]) else f"{text} [{bare(row[low], form)}, {bare(row[high], form)}]"
    )


def bare(value, form):
    return form(value).removesuffix(" %").removesuffix(" mm").removesuffix(" points")


def pct(value):
    if np.isnan(value):
        return "–"
    shown = 100 * value
    if 0 < shown < 0.1 or 99.9 < shown < 100:
        return "<0.1 %" if shown < 1 else ">99.9 %"
    near = 0 < shown < 1 or 99 < shown < 100
    return f"{shown:.1f} %" if near else f"{shown:.0f} %"


def dec(value):
    return "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−")


def apart(value, limit):
    """Form two numbers with two decimals, or as many more as tell them apart."""
    digits = 2
    while value != limit and f"{value:.{digits}f}" == f"{limit:.{digits}f}":
        digits += 1
    return [f"{value:.{digits}f}", f"{limit:.{digits}f}"]


def assert_page_says_the_tables(results: Path, methods: list[str]) -> int:
    """Hold the page's main tables against the stages' tables; return how many cells were held.

    The headline is the default one.
    """
    page = unescape((results / "report/index.html").read_text()).replace(NBSP, " ")
    tables = {
        name: pd.read_csv(results / f"summary/{name}.tsv", sep="\t", keep_default_na=False,
                          na_values=[""])
        for name in ("performance", "overlap", "verdict", "trust")
    }  # fmt: skip
    return (
        _classification(page, tables["performance"])
        + _headline(page, tables)
        + _choices(page, tables, methods)
        + _cases(page, tables["verdict"], results)
    )


def _classification(page: str, table: pd.DataFrame) -> int:
    forms = {"auc": dec, "average_precision": dec, "threshold": dec, "accuracy": pct,
             "sensitivity": pct, "specificity": pct}  # fmt: skip
    whole = table[table["stratum"].isna()]
    parts = {"Classification by site": whole, "Classification by stratum": table.drop(whole.index)}
    held = 0
    for caption, part in parts.items():
        rows = rows_under(page, caption)
        assert len(rows) == len(part)
        for row, told in zip(rows, part.to_dict("records"), strict=True):
            assert row[:2] == [told["model"], told["sites"]]
            wanted = [
                with_limits(told, name, f"{name}_low", f"{name}_high", form)
                if f"{name}_low" in told else form(told[name])
                for name, form in forms.items()
            ]  # fmt: skip
            assert row[-6:] == wanted
            assert row[-7] == f"{told['n_cases']} ({told['n_positive']})"
            held += 7
    return held


def _headline(page: str, tables: dict[str, pd.DataFrame]) -> int:
    """Hold the first table and the sentences at the top."""
    ratios = of_headline(tables["overlap"], measure="irrelevant_ratio")
    aucs = tables["performance"][tables["performance"]["stratum"].isna()]
    lead = re.search(r'<ul class="lead">(.*?)</ul>', page, flags=re.DOTALL)
    assert lead is not None
    rows = rows_under(page, "The headline: irrelevant ratios")
    for model, group, auc, ratio, chance, n, *beside in rows:
        told = aucs[(aucs["model"] == model) & (aucs["sites"] == group)].iloc[0]
        assert auc == with_limits(told, "auc", "auc_low", "auc_high", dec)
        found = ratios[(ratios["model"] == model) & (ratios["sites"] == group)]
        if found.empty:
            assert (ratio, n) == ("–", "0")
            continue
        row = found.iloc[0]
        assert ratio == with_limits(row, "mean", "low", "high", pct)
        assert (chance, n) == (pct(row["chance"]), str(row["n_cases"]))
        assert beside[:2] == [pct(row["fair"]), pct(row["ceiling"])]
        if group == "training":
            said = next(part for part in lead[1].split("<li>") if part.startswith(f"{model} "))
            assert f"AUC {auc}." in said
            assert f"Of what it attends to, {ratio} " in said
            assert f"placed at random would give {chance}, another rater {beside[1]}." in said
    return 6 * len(rows)


def _choices(page: str, tables: dict[str, pd.DataFrame], methods: list[str]) -> int:
    held, table, trust = 0, tables["overlap"], tables["trust"]
    failed = trust[(trust["test"] == "randomisation") & (trust["verdict"] == "fail")]
    insensitive = set(zip(failed["model"], failed["method"], strict=True))
    here = table[(table["sites"] == "training") & (table["measure"] == "irrelevant_ratio")]
    for key in ("reference", "binarisation"):
        for model, option, *cells in rows_under(page, f"Irrelevant ratio by {key} and method"):
            for method, cell in zip(methods, cells, strict=True):
                row = of_headline(here, model=model, method=method, **{key: option}).iloc[0]
                mark = "†" if (model, method) in insensitive else ""
                assert cell == with_limits(row, "mean", "low", "high", pct) + mark
                held += 1
    return held


def _cases(page: str, verdicts: pd.DataFrame, results: Path) -> int:
    """Hold every row of the table of cases."""
    judged = {(row["case"], row["model"]): row for row in verdicts.to_dict("records")}
    rows = [
        [re.sub(r"<[^>]+>", "", cell) for cell in row]
        for row in rows_under(page.replace("<tr data-case", "<tr><i data-case"), "Every case and")
    ]
    called = {
        (row["case"], path.stem): row
        for path in (results / "predict").glob("*.tsv") if "." not in path.stem
        for row in pd.read_csv(path, sep="\t").to_dict("records")
    }  # fmt: skip
    assert len(rows) == len(called)
    for case, model, label, site, _fold, probability, threshold, right, verdict, *measures in rows:
        told = called[case, model]
        assert [label, site] == [told["label"], told["site"]]
        assert [probability, threshold] == apart(told["probability"], told["threshold"])
        assert right == ("right" if told["predicted"] == told["label"] else "wrong")
        found = judged.get((case, model))
        if found is None:
            assert verdict.startswith("not audited")
            continue
        assert verdict == found["quadrant"]
        assert measures[0] == pct(found["value"])
        _measures(results, case, model, measures[2:4])
    return 8 * len(rows)


def _measures(results: Path, case: str, model: str, cells: list[str]) -> None:
    table = pd.read_csv(results / f"overlap/{case}.tsv", sep="\t")
    here = table[(table["model"] == model) & (table["method"] == "gradcam")
                 & (table["reference"] == "union")]  # fmt: skip
    for cell, measure, cut in zip(
        cells, ("coverage", "mass_accuracy"), ("otsu", "positive"), strict=True
    ):
        row = here[(here["measure"] == measure) & (here["binarisation"] == cut)]
        assert cell == pct(float(row["value"].iloc[0]))
