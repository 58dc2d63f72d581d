"""Two models on common voxels, against cutting both maps there by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rightreason.inputs import InputRecord
from rightreason.pairs import Seen, common, pair_rows
from rightreason.placement import SeenRegion
from rightreason.ranked import RankedMap

from tests.scenes import coded

SHAPE = (6, 5, 4)


def record(kind: str, box: list[list[int]], slices: list[int]) -> InputRecord:
    affine = np.eye(4).tolist()
    return InputRecord(kind, SHAPE, affine, SHAPE, affine, box, 2, slices, slices)


ONE = record("slices", [[0, 5], [0, 5], [0, 4]], [0, 2])
OTHER = record("volume", [[2, 6], [1, 5], [1, 4]], [])


def test_common_voxels_are_the_same_in_the_same_order() -> None:
    here, there = common(ONE, OTHER)
    index = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    first = SeenRegion.of(ONE).take(index).ravel()[here]
    second = SeenRegion.of(OTHER).take(index).ravel()[there]
    assert first.tolist() == second.tolist() == index[2:5, 1:5, [2]].ravel().tolist()


def test_both_maps_are_cut_on_the_common_voxels() -> None:
    rng = np.random.default_rng(0)
    image = coded({"a": rng.random(SHAPE) < 0.3, "b": rng.random(SHAPE) < 0.3})
    maps = {}
    full = {name: rng.random(SHAPE).astype(np.float32) for name in ("m", "n")}
    for name, rec in (("m", ONE), ("n", OTHER)):
        seen = SeenRegion.of(rec)
        references = image.within(seen).of_all_raters()
        maps[name] = Seen(rec, {"cam": seen.take(full[name])}, references)
    rule = {"rule": "top", "percent": 25, "part": "positive"}
    rows = {
        (row["reference"], row["measure"]): row for row in pair_rows("c", maps, {"top25": rule})
    }
    box = (slice(2, 5), slice(1, 5), slice(2, 3))
    union = image.patterns.members[image.codes, 3][box]
    for column, name in (("value", "m"), ("against_value", "n")):
        values = full[name][box]
        attended = values >= np.sort(values.ravel())[-3]
        row = rows["union", "irrelevant_ratio"]
        assert row[column] == pytest.approx(1 - union[attended].mean())
        assert rows["union", "coverage"][column] == pytest.approx(
            (union & attended).sum() / union.sum()
        )
    assert row["common_voxels"] == 12
    assert (row["model"], row["against"], row["method"]) == ("m", "n", "cam")


def test_a_map_is_sorted_once_for_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    references = coded({"a": rng.random(SHAPE) < 0.3}).within(SeenRegion.of(ONE)).of_all_raters()
    shape = SeenRegion.of(ONE).shape
    maps = {
        name: Seen(ONE, {"cam": rng.normal(size=shape).astype(np.float32)}, references)
        for name in ("m", "n")
    }
    rules = {
        "half": {"rule": "half", "part": "positive"},
        "area": {"rule": "area", "part": "positive"},
        "half_of_all": {"rule": "half", "part": "absolute"},
    }
    alone = [row for name, rule in rules.items() for row in pair_rows("c", maps, {name: rule})]
    sort, parts = RankedMap.of, []

    def counting(values: np.ndarray, part: str) -> RankedMap:
        parts.append(part)
        return sort(values, part)

    monkeypatch.setattr(RankedMap, "of", counting)
    assert list(pair_rows("c", maps, rules)) == alone
    assert sorted(parts) == ["absolute", "absolute", "positive", "positive"]


def test_nothing_in_common_is_blank() -> None:
    image = coded({"a": np.ones(SHAPE, bool)})
    apart = record("slices", [[0, 6], [0, 5], [0, 4]], [1])
    maps = {
        name: Seen(
            rec,
            {"cam": np.ones(SeenRegion.of(rec).shape, np.float32)},
            image.within(SeenRegion.of(rec)).of_all_raters(),
        )
        for name, rec in (("m", ONE), ("n", apart))
    }
    rows = list(pair_rows("c", maps, {"otsu": {"rule": "otsu", "part": "positive"}}))
    assert rows
    assert all(np.isnan([row["value"], row["against_value"]]).all() for row in rows)
    assert {row["common_voxels"] for row in rows} == {0}
