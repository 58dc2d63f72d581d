"""References from raters' masks, with and without one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rightreason.errors import InputError
from rightreason.images import save
from rightreason.reference_files import read_references
from rightreason.references import CodedImage, Reference, encode
from rightreason.staple import staple

from tests.scenes import coded


def members(image: CodedImage, name: str, left_out: str = "") -> list[bool]:
    column = image.patterns.keys.index(Reference(name, left_out))
    return image.patterns.members[image.codes.ravel(), column].tolist()


def test_majority_is_more_than_half() -> None:
    votes = np.arange(5).reshape(5, 1, 1)
    four = coded({f"r{i}": votes > i for i in range(4)})
    assert members(four, "majority") == [False, False, False, True, True]
    assert members(four, "union") == [False, True, True, True, True]
    assert members(four, "intersection") == [False, False, False, False, True]
    two = coded({"a": votes > 0, "b": votes > 1})
    assert members(two, "majority") == [False, False, True, True, True]


def test_without_one_rater_the_others_decide() -> None:
    votes = np.arange(5).reshape(5, 1, 1)
    four = coded({f"r{i}": votes > i for i in range(4)})
    # Without the rater who marked most, of three a majority is two.
    assert members(four, "majority", "r0") == [False, False, False, True, True]
    assert members(four, "union", "r0") == [False, False, True, True, True]
    assert members(four, "intersection", "r3") == [False, False, False, True, True]
    counted = four.patterns.votes()[four.codes.ravel()]
    assert four.patterns.voters == ("", "r0", "r1", "r2", "r3")
    assert counted[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert counted[:, 1].tolist() == [0, 0, 1, 2, 3]


def test_of_one_rater_nobody_is_left_out() -> None:
    one = coded({"a": np.ones((2, 2, 2), bool)})
    assert {key.left_out for key in one.patterns.keys} == {""}
    assert one.patterns.voters == ("",)


def test_staple_is_a_reference_of_its_own_with_and_without_each() -> None:
    rng = np.random.default_rng(0)
    masks = {r: rng.random((5, 4, 3)) < 0.4 for r in "abc"}
    image = coded(masks)
    for left_out in ("", "a", "b", "c"):
        expected = staple({r: m for r, m in masks.items() if r != left_out}).mask
        assert members(image, "staple", left_out) == expected.ravel().tolist()
    given = np.array([True, False]).reshape(2, 1, 1)
    nobody = encode({"a": np.zeros((2, 1, 1), bool)}, {"": given})
    assert members(nobody, "staple") == [True, False]
    assert members(nobody, "union") == [False, False]


def blob(*corner: int) -> np.ndarray:
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[tuple(slice(c, c + 3) for c in corner)] = True
    return mask


def test_references_are_read_from_the_folder_of_annotate(tmp_path: Path) -> None:
    first, second = blob(1, 1, 1), blob(2, 1, 1)
    given = blob(0, 0, 0)
    files = {"a": first, "b": second, "votes": first.astype(int) + second, "staple": given}
    for name, data in files.items():
        save(tmp_path / f"{name}.nii.gz", data, np.eye(4), np.uint8)
    (tmp_path / "raters.tsv").write_text("rater\n")
    image = read_references(tmp_path)
    names = ["a", "b", "majority", "union", "intersection", "staple"]
    assert [key.name for key in image.patterns.of_all_raters().keys] == names
    assert [sum(members(image, name)) for name in names] == [27, 27, 18, 36, 18, 27]
    assert sum(members(image, "union", "a")) == 27


def test_votes_that_do_not_fit_their_masks_are_an_error(tmp_path: Path) -> None:
    for name, data in {"a": blob(1, 1, 1), "votes": blob(1, 1, 2), "staple": blob(1, 1, 1)}.items():
        save(tmp_path / f"{name}.nii.gz", data, np.eye(4), np.uint8)
    with pytest.raises(InputError, match="do not add up"):
        read_references(tmp_path)


def test_more_raters_than_can_be_held_apart_are_an_error() -> None:
    masks = {f"r{i:02d}": np.ones((1, 1, 1), bool) for i in range(32)}
    with pytest.raises(InputError, match="at most 31"):
        encode(masks, {"": masks["r00"], **masks})
