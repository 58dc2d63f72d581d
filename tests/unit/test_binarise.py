"""Cutting a map: ties, parts, and Otsu's threshold against scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rightreason.binarise import cut, cut_unsorted, descending, part_of
from skimage.filters import threshold_otsu


def test_ties_at_the_cut_share_what_is_left() -> None:
    values = np.array([3, 2, 2, 2, 1, 0, 0, 0], dtype=np.float32)
    region = cut({"rule": "area"}, descending(values), values.size, 2)
    # Two voxels: the 3, and a third of each of the three 2s.
    assert (region.threshold, region.tie_share) == (2, pytest.approx(1 / 3))
    assert not region.includes_ties


def test_parts_of_a_signed_map() -> None:
    values = np.array([-3.0, 0.0, 2.0], dtype=np.float32)
    assert part_of(values, "positive").tolist() == [0, 0, 2]
    assert part_of(values, "negative").tolist() == [3, 0, 0]
    assert part_of(values, "absolute").tolist() == [3, 0, 2]


@pytest.mark.parametrize("seed", range(5))
def test_otsu_equals_scikit_image(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = np.concatenate([generator.gamma(2, 1, 4000), generator.normal(12, 2, 1500)])
    values = np.maximum(values, 0).astype(np.float32)
    region = cut({"rule": "otsu"}, descending(values), values.size, 0)
    values[0] = 0  # the histogram of ours starts at 0
    attended = values >= region.threshold
    expected = values > threshold_otsu(values, nbins=256)
    # scikit-image cuts at the centre of the bin at whose upper edge we cut.
    width = values.max() / 256
    near = np.abs(values - region.threshold) <= width
    assert np.array_equal(attended[~near], expected[~near])
    assert attended.any()


@settings(max_examples=200)
@given(st.data())
def test_a_cut_without_sorting_is_the_same_cut(data: st.DataObject) -> None:
    numbers = st.one_of(
        st.floats(-4, 8, width=32), st.integers(-3, 9).map(float), st.floats(0, 2.0**-126, width=32)
    )
    values = np.array(data.draw(st.lists(numbers, min_size=1, max_size=60)), dtype=np.float32)
    part = part_of(values, "positive")
    important = data.draw(st.floats(0, 70))
    for rule in ({"rule": "otsu"}, {"rule": "half"}, {"rule": "top", "percent": 30.0},
                 {"rule": "area"}):  # fmt: skip
        expected = cut(rule, descending(part), part.size, important)
        assert cut_unsorted(rule, part, important) == expected


@pytest.mark.parametrize("top", [1.0, 0.7, 3e-5, 1e30, 1e-42])
def test_values_at_the_edges_of_otsus_bins(top: float) -> None:
    edges = np.linspace(0, top, 257).astype(np.float32)
    near = [np.nextafter(edges, np.float32(side)) for side in (-1, 2 * top)]
    part = part_of(np.concatenate([edges, *near, edges[200:]]), "positive")
    part = np.minimum(part, np.float32(top))
    expected = cut({"rule": "otsu"}, descending(part), part.size, 0)
    assert cut_unsorted({"rule": "otsu"}, part, 0) == expected
