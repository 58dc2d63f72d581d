"""The report's words: numbers as text, and the small phrases that sentences are made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rightreason.report_data import Interval, Study
from rightreason.words import _, mark, plural

NBSP = "\u00a0"
UNDEFINED = "–"

POOLS = {"training": mark("training"), "external": mark("external")}
SUBSETS = {"all": mark("all"), "correct": mark("correct"), "wrong": mark("wrong")}


def decimal(value: float) -> str:
    """Format an AUC or another value from 0 to 1: `0.97`; a dash when undefined."""
    return UNDEFINED if np.isnan(value) else f"{value:z.2f}".replace("-", "\u2212")


def number(value: float) -> str:
    """Format a number with a true minus sign."""
    return f"{value:g}".replace("-", "\u2212")


def percent(value: float, unit: bool = True) -> str:
    """Format a ratio in percent: `41 %`, with one decimal near the ends where it matters."""
    if np.isnan(value):
        return UNDEFINED
    shown = 100 * value
    if 0 < shown < 0.1 or 99.9 < shown < 100:
        text = "<0.1" if shown < 1 else ">99.9"
    else:
        text = f"{shown:.1f}" if 0 < shown < 1 or 99 < shown < 100 else f"{shown:.0f}"
    return in_percent(text) if unit else text


def in_percent(number: str) -> str:
    """Write `%` behind a number: `41 %`."""
    return _("{number}\u00a0%").format(number=number)


def told_apart(value: float, limit: float) -> tuple[str, str]:
    """Format a value and its limit, with as many decimals as tell them apart: `0.4037, 0.4038`."""
    for digits in (2, 3, 4, 5, 6):
        texts = f"{value:z.{digits}f}", f"{limit:z.{digits}f}"
        if value == limit or texts[0] != texts[1]:
            break
    return texts


def decimal_interval(found: Interval) -> str:
    """Format as `0.97 [0.94, 0.99]`."""
    if np.isnan(found.low):
        return decimal(found.value)
    return f"{decimal(found.value)}{NBSP}[{decimal(found.low)},{NBSP}{decimal(found.high)}]"


def percent_interval(found: Interval) -> str:
    """Format as `41 % [36, 46]`."""
    if np.isnan(found.low):
        return percent(found.value)
    low, high = percent(found.low, unit=False), percent(found.high, unit=False)
    return f"{percent(found.value)}{NBSP}[{low},{NBSP}{high}]"


def shown(found: Interval, kind: str) -> str:
    """Format an estimate of a kind: `percent`, `decimal` or `mm`."""
    if kind == "percent":
        return percent_interval(found)
    return decimal_interval(found) if kind == "decimal" else millimetres_interval(found)


def value(number: float, kind: str) -> str:
    """Format a value of a kind: `percent`, `decimal` or `mm`."""
    return shown(Interval(number, np.nan, np.nan, 0), kind)


def millimetres_interval(found: Interval) -> str:
    """Format as `12.3 mm [8.1, 17.0]`."""
    if np.isnan(found.value):
        return UNDEFINED
    text = f"{found.value:.1f}{NBSP}mm"
    if np.isnan(found.low):
        return text
    return f"{text}{NBSP}[{found.low:.1f},{NBSP}{found.high:.1f}]"


def points(value: float, unit: bool = True) -> str:
    """Format a difference of ratios in percentage points, with its sign: `−12.0 points`."""
    if np.isnan(value):
        return UNDEFINED
    text = f"{100 * value:+z.1f}".replace("-", "\u2212")
    return _("{number}\u00a0points").format(number=text) if unit else text


def probability(p: float) -> str:
    """Format a p value: `0.012`, `<0.001`."""
    if np.isnan(p):
        return UNDEFINED
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def signed(value: float) -> str:
    """Format a coefficient with its sign: `−0.31`; one that rounds to zero has none."""
    if np.isnan(value):
        return UNDEFINED
    return f"{value:+.2f}".replace("-", "\u2212") if abs(value) >= 0.005 else "0.00"


def signed_interval(found: Interval) -> str:
    """Format as `−0.31 [−0.52, −0.07]`."""
    if np.isnan(found.low):
        return signed(found.value)
    return f"{signed(found.value)}{NBSP}[{signed(found.low)},{NBSP}{signed(found.high)}]"


def ordinal(value: float) -> str:
    """Format a percentile: `5th`, `95th`, `2.5th`, `1st`."""
    text = f"{value:g}"
    if text[-2:] in {"11", "12", "13"} or "." in text or text[-1] not in "123":
        return _("{number}th").format(number=text)
    messages = {"1": _("{number}st"), "2": _("{number}nd"), "3": _("{number}rd")}
    return messages[text[-1]].format(number=text)


def chance_words(config: Mapping[str, Any]) -> str:
    """Name the interval of a case's chance: `5th to 95th percentile`."""
    low, high = (ordinal(limit) for limit in config["overlap"]["percentiles"])
    return _("{low} to {high} percentile").format(low=low, high=high)


def span(low: str, high: str) -> str:
    """Format a range of formatted numbers: `40 to 62`."""
    return _("{low} to {high}").format(low=low, high=high)


def level(config: Mapping[str, Any]) -> str:
    """Format the confidence of the intervals: `95 %`."""
    return in_percent(f"{100 * config['summary']['confidence']:g}")


def count_cases(n: int) -> str:
    """Format a number of cases: `1 case`, `2 cases`."""
    return plural("{n}\u00a0case", "{n}\u00a0cases", n).format(n=n)


def join(parts: Iterable[str]) -> str:
    """Join with commas and, before the last part, `and`."""
    listed = list(parts)
    if len(listed) < 2:
        return "".join(listed)
    return _("{first} and {last}").format(first=commas(listed[:-1]), last=listed[-1])


def commas(parts: Iterable[str]) -> str:
    """Join with commas."""
    return _(", ").join(parts)


def semicolons(parts: Iterable[str]) -> str:
    """Join with semicolons."""
    return _("; ").join(parts)


def paragraph(*sentences: str) -> str:
    """Join sentences as the language that is spoken does; empty ones are left out."""
    said = ""
    for sentence in filter(None, sentences):
        said = _("{before} {after}").format(before=said, after=sentence) if said else sentence
    return said


def capital(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]


def pool(sites: str) -> str:
    """Name the sites of a row: a pool of them in the language that is spoken, or one as it is."""
    return _(POOLS[sites]) if sites in POOLS else sites


def audited(study: Study) -> str:
    """Name the cases of the headline, for example `correctly classified drowning cases`."""
    messages = {
        "all": _("{positive} cases"),
        "correct": _("correctly classified {positive} cases"),
        "wrong": _("wrongly classified {positive} cases"),
    }
    return messages[study.headline["subset"]].format(positive=study.positive)
