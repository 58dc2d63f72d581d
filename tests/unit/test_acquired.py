"""Which slices of a volume take the marks of which acquired slice."""

from __future__ import annotations

import numpy as np
from rightreason.acquired import Stack

# Steps of 1, 1, 2 and 3 slices of the volume, resampled at the smallest.
UNEVEN = Stack(2, np.array([0.0, 1, 2, 4, 7]), 8)


def taken(stack: Stack, *heights: float, tolerance: float = 0.1) -> list[list[int]] | None:
    found = stack.takers(np.array(heights), tolerance)
    return None if found is None else [slices.tolist() for slices in found]


def test_each_slice_takes_the_nearest_acquired_one() -> None:
    """Slice 3 lies as near to 2 as to 4: the lower."""
    assert taken(UNEVEN, 0, 1, 2, 4, 7) == [[0], [1], [2, 3], [4, 5], [6, 7]]
    noisy = Stack(2, UNEVEN.places + np.array([0, 0, -1e-5, 0, 0]), 8)
    assert taken(noisy, 2) == [[2, 3]]


def test_a_plane_a_tenth_off_lies_on_its_slice() -> None:
    assert taken(UNEVEN, 4.09, 1.91) == [[4, 5], [2, 3]]
    assert taken(UNEVEN, 4.2) is None
    assert taken(UNEVEN, 4.2, tolerance=0.5) == [[4, 5]]
    assert taken(UNEVEN, 3.0, tolerance=0.5) is None


def test_beyond_the_ends_a_plane_keeps_its_own_place() -> None:
    assert taken(UNEVEN, -3.1, 9.0) == [[-3], [9]]


def test_even_stacks() -> None:
    assert not UNEVEN.even
    assert Stack(2, np.array([0.001, 1, 2]), 3).even
    assert not Stack(2, np.array([0.0, 1, 3]), 4).even


def test_half_the_distance_to_the_nearest_neighbour() -> None:
    assert [UNEVEN.half_distance(k) for k in range(5)] == [0.5, 0.5, 0.5, 1.0, 1.5]
    assert Stack(2, np.array([0.0]), 1).half_distance(0) == 0.5
