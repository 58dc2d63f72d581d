"""Per-case tables of `overlap` and tables of `predict`, made from a few words about each case.

Everything in a fake table follows from the counts of its `FakeCase` by closed forms, so that a test
can say by hand what a summary of it must be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

NAN = float("nan")
KEYS = ["case", "model", "method", "reference", "binarisation", "measure"]
COUNTS = ["seen_voxels", "important_voxels", "attended_voxels", "overlap_voxels", "voxel_mm3"]
CHANCES = ["perfect", "chance", "gain", "shifted", "shifted_low", "shifted_high",
           "shifted_percentile", "shifted_gain", "shuffled", "donors", "shuffled_gain",
           "region_chance", "region_gain", "fair", "ceiling"]  # fmt: skip
COLUMNS = [*KEYS, "value", "undefined", *CHANCES, *COUNTS]
RATERS_COLUMNS = ["case", "seen_by", "left_out", *KEYS[1:], "value", "attended_voxels",
                  "seen_voxels"]  # fmt: skip
PAIRS_COLUMNS = ["case", "model", "against", *KEYS[2:], "value", "against_value", "common_voxels"]
PLACES = ["outside_body", "body_outside_region", "unmarked_in_region", "unmarked_in_body"]
PLACES_COLUMNS = [*KEYS[:5], "attended_voxels", "irrelevant_voxels", *PLACES]
AGREEMENT_COLUMNS = ["case", "within", "marked_by", "voxels"]
SEEDS_COLUMNS = ["case", "model", "method", "seed", *KEYS[3:], "value"]
PREDICT_COLUMNS = ["case", "site", "fold", "label", "probability", "threshold", "predicted"]
CONSENSUS = ("majority", "union", "intersection", "staple")
AREA = ("irrelevant_ratio", "coverage", "dice")
HEADLINE = {"method": "gradcam", "reference": "union", "binarisation": "otsu", "subset": "all"}

Ratio = float | Mapping[str, float] | Callable[[str, str, str, str], float]


@dataclass(frozen=True)
class FakeCase:
    """One case; all regions are counted in voxels of 1 mm³.

    Attributes
    ----------
    ratio : float, mapping or function
        Irrelevant ratio of every map; of each model; or of (model, method, reference,
        binarisation). NaN: nothing attended.
    probability : float or mapping
        Of the positive class, of every or of each model.
    important, attended, seen : int
        Sizes of A (of every reference), S and the seen region; A of 0: nothing marked.
    limits : pair of float
        Fifth and 95th percentile of the shifted irrelevant ratio.
    raters : sequence of str
        Who annotated; none: the case was not annotated and has no tables.
    left_out : mapping of rater to float
        Irrelevant ratio without that rater; by default as with all.
    places : mapping
        Voxels of the irrelevant part by place; by default all unmarked in the body.
    patterns : mapping of str to int
        Voxels by who marked them, raters joined by `+`.
    seed_step : float
        How much the irrelevant ratio grows from seed to seed.
    """

    patient: str
    site: str = "A"
    label: str = "drowning"
    ratio: Ratio = 0.5
    probability: float | Mapping[str, float] = 0.9
    threshold: float = 0.5
    important: int = 20
    attended: int = 10
    seen: int = 100
    limits: tuple[float, float] = (0.6, 0.95)
    raters: Sequence[str] = ("r1", "r2")
    left_out: Mapping[str, float] = field(default_factory=dict)
    places: Mapping[str, float] | None = None
    patterns: Mapping[str, int] = field(default_factory=lambda: {"": 80, "r1": 5, "r1+r2": 15})
    seed_step: float = 0.01

    def ratio_of(self, model: str, method: str, reference: str, binarisation: str) -> float:
        """Return the irrelevant ratio of one map."""
        if callable(self.ratio):
            return self.ratio(model, method, reference, binarisation)
        return self.ratio[model] if isinstance(self.ratio, Mapping) else self.ratio

    def probability_of(self, model: str) -> float:
        """Return the probability that one model gave."""
        given = self.probability
        return given[model] if isinstance(given, Mapping) else given

    @property
    def references(self) -> list[str]:
        """Raters and consensus rules."""
        return [*sorted(self.raters), *CONSENSUS]


@dataclass(frozen=True)
class FakeStudy:
    """What the fake cohort was audited with."""

    models: Sequence[str] = ("m",)
    methods: Sequence[str] = ("gradcam",)
    binarisations: Sequence[str] = ("otsu",)
    area_measures: Sequence[str] = AREA
    map_measures: Sequence[str] = ("pointing_game",)
    votes_measures: Sequence[str] = ("rank_correlation",)
    seeds: int = 1
    positive: str = "drowning"
    negative: str = "other"

    def maps(self) -> Iterator[tuple[str, str]]:
        """Yield model and method of each map."""
        for model in self.models:
            for method in self.methods:
                yield model, method


def cases_of(fakes: Mapping[str, FakeCase]) -> dict[str, dict[str, str]]:
    """Return what the rules say of each case."""
    return {
        case: {"patient": fake.patient, "site": fake.site, "label": fake.label}
        for case, fake in fakes.items()
    }


def annotated_of(fakes: Mapping[str, FakeCase]) -> list[str]:
    """Return the annotated cases."""
    return [case for case, fake in fakes.items() if fake.raters]


def write_study(
    folder: Path, fakes: Mapping[str, FakeCase], study: FakeStudy | None = None
) -> Path:
    """Write `predict/{model}.tsv` and the tables and curves of every annotated case."""
    study = study or FakeStudy()
    for model in study.models:
        rows = [_prediction(case, fake, model, study) for case, fake in fakes.items()]
        write_table(folder / "predict" / f"{model}.tsv", PREDICT_COLUMNS, rows)
        each = [row | {"seed": seed} for seed in range(study.seeds) for row in rows]
        columns = ["case", "seed", "probability"]
        write_table(folder / "predict" / f"{model}.seeds.tsv", columns, each)
    for case in annotated_of(fakes):
        write_case(folder / "overlap", case, fakes[case], study)
    return folder


def write_case(folder: Path, case: str, fake: FakeCase, study: FakeStudy) -> None:
    """Write the six tables and the curves of one case."""
    for suffix, columns, rows in (
        ("", COLUMNS, overlap_rows(case, fake, study)),
        (".raters", RATERS_COLUMNS, raters_rows(case, fake, study)),
        (".pairs", PAIRS_COLUMNS, pairs_rows(case, fake, study)),
        (".places", PLACES_COLUMNS, places_rows(case, fake, study)),
        (".agreement", AGREEMENT_COLUMNS, agreement_rows(case, fake)),
        (".seeds", SEEDS_COLUMNS, seeds_rows(case, fake, study)),
    ):
        write_table(folder / f"{case}{suffix}.tsv", columns, rows)
    np.savez_compressed(folder / f"{case}.curves.npz", **curves(fake, study))


def overlap_rows(case: str, fake: FakeCase, study: FakeStudy) -> Iterator[dict[str, Any]]:
    """Yield the rows of `{case}.tsv`."""
    for model, method in study.maps():
        for reference in fake.references:
            for name in study.binarisations:
                keys = dict(zip(KEYS, (case, model, method, reference, name), strict=False))
                ratio = fake.ratio_of(model, method, reference, name)
                for measure in study.area_measures:
                    yield keys | _area_row(fake, measure, ratio)
            ratio = fake.ratio_of(model, method, reference, "positive")
            keys = dict(zip(KEYS, (case, model, method, reference, "positive"), strict=False))
            for measure in study.map_measures:
                yield keys | _map_row(fake, measure, ratio)
        ratio = fake.ratio_of(model, method, "votes", "positive")
        keys = dict(zip(KEYS, (case, model, method, "votes", "positive"), strict=False))
        for measure in study.votes_measures:
            yield keys | _map_row(fake, measure, ratio)


def area_values(fake: FakeCase, ratio: float) -> dict[str, float]:
    """Return the area measures from |A|, |S| and the irrelevant ratio."""
    if np.isnan(ratio) or not fake.attended:
        nothing = 0.0 if fake.important else NAN
        return {"irrelevant_ratio": NAN, "coverage": nothing, "dice": nothing}
    inside = fake.attended * (1 - ratio) if fake.important else 0.0
    return {
        "irrelevant_ratio": ratio if fake.important else 1.0,
        "coverage": inside / fake.important if fake.important else NAN,
        "dice": 2 * inside / (fake.attended + fake.important),
    }


def _area_row(fake: FakeCase, measure: str, ratio: float) -> dict[str, Any]:
    empty = bool(np.isnan(ratio))
    attended = 0 if empty else fake.attended
    if measure == "relative_area":
        return _size_row(fake, attended)
    value = area_values(fake, ratio)[measure]
    share = fake.important / fake.seen
    chance = {
        "irrelevant_ratio": 1 - share,
        "coverage": attended / fake.seen,
        "dice": 2 * attended * share / max(attended + fake.important, 1),
    }[measure]
    perfect = 0.0 if measure == "irrelevant_ratio" else 1.0
    row = _scores(measure, value, chance, perfect)
    if np.isnan(value):
        row["undefined"] = "nothing attended" if empty else "nothing marked"
    if measure == "irrelevant_ratio" and not empty:
        low, high = fake.limits
        row |= {"shifted_low": low, "shifted_high": high, "shifted_percentile": 100 * value}
    if empty or len(fake.raters) < 2:
        row |= {"fair": NAN, "ceiling": NAN}
    return row | {
        "seen_voxels": fake.seen,
        "important_voxels": fake.important,
        "attended_voxels": attended,
        "overlap_voxels": 0 if empty or not fake.important else attended * (1 - ratio),
    }


def _size_row(fake: FakeCase, attended: int) -> dict[str, Any]:
    """Size of S in the seen region; that of a rater's marks as the ceiling, and nothing perfect."""
    size, others = attended / fake.seen, len(fake.raters) > 1
    row = _scores("relative_area", size, size, NAN) | {
        "fair": size if others else NAN,
        "ceiling": fake.important / fake.seen if others else NAN,
    }
    return row | {
        "seen_voxels": fake.seen, "important_voxels": fake.important,
        "attended_voxels": attended, "overlap_voxels": NAN,
    }  # fmt: skip


def _map_row(fake: FakeCase, measure: str, ratio: float) -> dict[str, Any]:
    value = 1 - ratio
    row = _scores(measure, value, fake.important / fake.seen, 1.0)
    if np.isnan(value):
        row |= {"undefined": "no evidence", "fair": NAN, "ceiling": NAN}
    blank = {"attended_voxels": NAN, "overlap_voxels": NAN}
    return row | blank | {"seen_voxels": fake.seen, "important_voxels": fake.important}


def _scores(measure: str, value: float, chance: float, perfect: float) -> dict[str, Any]:
    """Return the columns of a row that follow from value, chance and perfect alone."""

    def gain(level: float) -> float:
        return (value - level) / (perfect - level) if perfect != level else NAN

    shifted, shuffled = chance + 0.01, chance - 0.02
    return {
        "measure": measure, "value": value, "undefined": "", "perfect": perfect,
        "chance": chance, "gain": gain(chance), "shifted": shifted, "shifted_low": NAN,
        "shifted_high": NAN, "shifted_percentile": NAN, "shifted_gain": gain(shifted),
        "shuffled": shuffled, "donors": 5, "shuffled_gain": gain(shuffled),
        "region_chance": NAN, "region_gain": NAN,
        "fair": value + 0.05, "ceiling": 0.25 if measure == "irrelevant_ratio" else 0.75,
        "voxel_mm3": 1.0,
    }  # fmt: skip


def raters_rows(case: str, fake: FakeCase, study: FakeStudy) -> Iterator[dict[str, Any]]:
    """Yield the rows of `{case}.raters.tsv`: each rater left out, model's maps and own masks."""
    if len(fake.raters) < 2:
        return
    for model in study.models:
        for rater in sorted(fake.raters):
            about = {"case": case, "seen_by": model, "left_out": rater, "seen_voxels": fake.seen}
            for method in study.methods:
                for reference in CONSENSUS:
                    for name in study.binarisations:
                        ratio = fake.ratio_of(model, method, reference, name)
                        ratio = ratio if np.isnan(ratio) else fake.left_out.get(rater, ratio)
                        yield from _raters_rows(
                            fake, {**about, "model": model, "method": method,
                                   "reference": reference, "binarisation": name}, ratio,
                        )  # fmt: skip
            for reference in [*CONSENSUS, *(other for other in fake.raters if other != rater)]:
                keys = {"model": "", "method": "", "reference": reference, "binarisation": ""}
                yield from _raters_rows(replace(fake, attended=fake.important), about | keys, 0.25)


def _raters_rows(fake: FakeCase, keys: dict[str, Any], ratio: float) -> Iterator[dict[str, Any]]:
    attended = 0 if np.isnan(ratio) else fake.attended
    for measure, value in area_values(fake, ratio).items():
        yield {**keys, "measure": measure, "value": value, "attended_voxels": attended}


def pairs_rows(case: str, fake: FakeCase, study: FakeStudy) -> Iterator[dict[str, Any]]:
    """Yield the rows of `{case}.pairs.tsv`."""
    for model, against in combinations(study.models, 2):
        for method in study.methods:
            for reference in fake.references:
                for name in study.binarisations:
                    one, other = (
                        area_values(fake, fake.ratio_of(each, method, reference, name))
                        for each in (model, against)
                    )
                    for measure in AREA:
                        yield {
                            "case": case, "model": model, "against": against, "method": method,
                            "reference": reference, "binarisation": name, "measure": measure,
                            "value": one[measure], "against_value": other[measure],
                            "common_voxels": fake.seen,
                        }  # fmt: skip


def places_rows(case: str, fake: FakeCase, study: FakeStudy) -> Iterator[dict[str, Any]]:
    """Yield the rows of `{case}.places.tsv`."""
    for model, method in study.maps():
        for reference in fake.references:
            for name in study.binarisations:
                ratio = fake.ratio_of(model, method, reference, name)
                attended = 0 if np.isnan(ratio) else fake.attended
                irrelevant = 0 if np.isnan(ratio) else attended * ratio
                places = fake.places or {"outside_body": 0, "unmarked_in_body": irrelevant}
                yield {
                    "case": case, "model": model, "method": method, "reference": reference,
                    "binarisation": name, "attended_voxels": attended,
                    "irrelevant_voxels": irrelevant, **dict.fromkeys(PLACES, NAN), **places,
                }  # fmt: skip


def agreement_rows(case: str, fake: FakeCase) -> Iterator[dict[str, Any]]:
    """Yield the rows of `{case}.agreement.tsv`."""
    for marked_by, voxels in fake.patterns.items():
        yield {"case": case, "within": "seen", "marked_by": marked_by, "voxels": voxels}


def seeds_rows(case: str, fake: FakeCase, study: FakeStudy) -> Iterator[dict[str, Any]]:
    """Yield the rows of `{case}.seeds.tsv`: none of a single seed."""
    for row in overlap_rows(case, fake, study) if study.seeds > 1 else ():
        if row["measure"] in AREA:
            for seed in range(study.seeds):
                keys = {name: row[name] for name in KEYS}
                yield {**keys, "seed": seed, "value": row["value"] + seed * fake.seed_step}


def curves(fake: FakeCase, study: FakeStudy) -> dict[str, np.ndarray]:
    """Return the arrays of `{case}.curves.npz`: the same areas overlap at every fraction."""
    fractions = np.linspace(0.01, 1, 100)
    maps = [f"{model}/{method}/positive" for model, method in study.maps()]
    references = fake.references
    ratio = np.array([
        [[fake.ratio_of(*name.split("/")[:2], reference, "positive")] for reference in references]
        for name in maps
    ])  # fmt: skip
    ratio = np.minimum(1.0, ratio + 0 * fractions)
    inside = (1 - ratio) * fractions * fake.seen
    return {
        "maps": np.array(maps),
        "references": np.array(references),
        "fractions": fractions,
        "irrelevant_ratio": ratio.astype(np.float32),
        "coverage": (inside / (fake.important or NAN)).astype(np.float32),
        "dice": (2 * inside / (fractions * fake.seen + fake.important)).astype(np.float32),
    }


def _prediction(case: str, fake: FakeCase, model: str, study: FakeStudy) -> dict[str, Any]:
    probability = fake.probability_of(model)
    return {
        "case": case, "site": fake.site, "fold": 0, "label": fake.label,
        "probability": probability, "threshold": fake.threshold,
        "predicted": study.positive if probability >= fake.threshold else study.negative,
    }  # fmt: skip


def write_table(path: Path, columns: Sequence[str], rows: Any) -> Path:
    """Write rows as `rightreason.tsv` does: undefined is blank, eight digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(columns)]
    lines += ["\t".join(_cell(row[column]) for column in columns) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.8g}"
    return str(value)


def expanded_level(patients: int, confidence: float = 0.95) -> float:
    """Return the level at which scipy's BCa is the interval of `statistics.bootstrap_means`."""
    quantile = student.ppf((1 + confidence) / 2, patients - 1)
    return float(2 * norm.cdf(quantile * np.sqrt(patients / (patients - 1))) - 1)
