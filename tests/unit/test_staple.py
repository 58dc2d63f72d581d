"""STAPLE against SimpleITK on the whole box, against its definition, and where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from rightreason import staple as module
from rightreason.staple import staple


def ball(shape: tuple[int, ...], centre: tuple[float, ...], radius: float) -> np.ndarray:
    return np.asarray((np.linalg.norm(np.indices(shape).T - np.array(centre), axis=-1) < radius).T)


@pytest.fixture
def raters() -> dict[str, np.ndarray]:
    """Three raters who nearly agree, in a volume that is mostly background."""
    shape = (40, 36, 30)
    return {
        "b": ball(shape, (15, 15, 14), 7),
        "a": ball(shape, (16, 15, 14), 6.4),
        "c": ball(shape, (14, 14, 14), 8),
    }


def by_simpleitk(masks: dict[str, np.ndarray]) -> tuple[np.ndarray, list[float], list[float]]:
    """SimpleITK on the box around the union with a margin of one, found another way."""
    union = np.logical_or.reduce(list(masks.values()))
    low, high = np.argwhere(union).min(axis=0) - 1, np.argwhere(union).max(axis=0) + 2
    box = tuple(slice(max(a, 0), b) for a, b in zip(low, high, strict=True))
    names = sorted(masks)
    algorithm = SimpleITK.STAPLEImageFilter()
    algorithm.SetForegroundValue(1)
    image = algorithm.Execute(
        [SimpleITK.GetImageFromArray(masks[name][box].astype(np.uint8)) for name in names]
    )
    mask = np.zeros(union.shape, dtype=bool)
    mask[box] = SimpleITK.GetArrayFromImage(image) > 0.5
    return mask, list(algorithm.GetSensitivity()), list(algorithm.GetSpecificity())


def test_it_is_simpleitks_on_the_box(raters: dict[str, np.ndarray]) -> None:
    found = staple(raters)
    mask, sensitivity, specificity = by_simpleitk(raters)
    assert mask.sum() > 900
    assert np.array_equal(found.mask, mask)
    assert list(found.sensitivity) == ["a", "b", "c"]
    assert list(found.sensitivity.values()) == pytest.approx(sensitivity, abs=1e-9)
    assert list(found.specificity.values()) == pytest.approx(specificity, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_simpleitks_whatever_the_raters(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth = ball((12, 14, 9), (5, 6, 4), 3.5)
    masks = {
        f"r{n}": truth ^ (generator.random(truth.shape) < 0.03 * (n + 1)) for n in range(2 + seed)
    }
    found = staple(masks)
    mask, sensitivity, _ = by_simpleitk(masks)
    assert np.array_equal(found.mask, mask)
    assert list(found.sensitivity.values()) == pytest.approx(sensitivity, abs=1e-6)


def test_fewer_voxels_in_the_same_proportions_give_the_same(
    raters: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = staple(raters)
    monkeypatch.setattr(module, "_MOST_VOXELS", 4000)
    fewer = staple(raters)
    assert np.array_equal(fewer.mask, whole.mask)
    for rater in raters:
        assert fewer.sensitivity[rater] == pytest.approx(whole.sensitivity[rater], abs=1e-3)
        assert fewer.specificity[rater] == pytest.approx(whole.specificity[rater], abs=1e-3)


def test_it_is_a_fixed_point_of_warfields_equations(raters: dict[str, np.ndarray]) -> None:
    """Sensitivity and specificity follow from the probabilities that follow from them."""
    found = staple(raters)
    places = np.argwhere(np.logical_or.reduce(list(raters.values())))
    box = tuple(slice(a - 1, b + 2) for a, b in zip(places.min(0), places.max(0), strict=True))
    marks = np.stack([raters[name][box].ravel() for name in "abc"])
    p, q = (np.array([figures[name] for name in "abc"])[:, None]
            for figures in (found.sensitivity, found.specificity))  # fmt: skip
    prior = marks.mean()
    true = prior * np.where(marks, p, 1 - p).prod(axis=0)
    false = (1 - prior) * np.where(marks, 1 - q, q).prod(axis=0)
    weight = true / (true + false)
    assert (weight * marks).sum(axis=1) / weight.sum() == pytest.approx(p.ravel(), abs=1e-6)
    assert np.array_equal((weight > 0.5).reshape(found.mask[box].shape), found.mask[box])


def test_a_whole_ct_would_drive_it_to_the_union(raters: dict[str, np.ndarray]) -> None:
    """Why the box: the wider the background, the larger the consensus."""
    margin = [(0, 0), (0, 0), (0, 4000)]
    wide = {name: np.pad(mask, margin) for name, mask in raters.items()}
    algorithm = SimpleITK.STAPLEImageFilter()
    algorithm.SetForegroundValue(1)
    images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in wide.values()]
    unbounded = SimpleITK.GetArrayFromImage(algorithm.Execute(images)) > 0.5
    assert unbounded.sum() > staple(raters).mask.sum()
    assert np.array_equal(staple(wide).mask[..., :30], staple(raters).mask)


def test_one_rater_is_the_consensus() -> None:
    mask = ball((9, 9, 9), (4, 4, 4), 3)
    found = staple({"a": mask})
    assert np.array_equal(found.mask, mask)
    assert np.isnan([found.sensitivity["a"], found.specificity["a"]]).all()


def test_nobody_marked_anything() -> None:
    found = staple({name: np.zeros((5, 5, 5), dtype=bool) for name in "ab"})
    assert not found.mask.any()
    assert np.isnan([*found.sensitivity.values(), *found.specificity.values()]).all()


def test_everybody_marked_everything() -> None:
    found = staple({name: np.ones((5, 5, 5), dtype=bool) for name in "ab"})
    assert found.mask.all()


def test_a_tie_marks_nothing() -> None:
    """One rater marked, the other looked and found nothing: neither is the likelier."""
    found = staple({"a": ball((9, 9, 9), (4, 4, 4), 3), "b": np.zeros((9, 9, 9), dtype=bool)})
    assert not found.mask.any()


def test_the_same_every_time_and_in_any_memory_order(raters: dict[str, np.ndarray]) -> None:
    first = staple(raters)
    second = staple({name: np.asfortranarray(raters[name]) for name in "cab"})
    assert np.array_equal(first.mask, second.mask)
    assert first.sensitivity == second.sensitivity
    assert first.specificity == second.specificity
