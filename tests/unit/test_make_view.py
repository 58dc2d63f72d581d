"""The viewer's files, read again with nibabel and held against the images they were made of."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rightreason.binarise import cut, descending, part_of
from rightreason.blocks import Blocks, whole_factors
from rightreason.case_files import ModelFiles
from rightreason.errors import InputError
from rightreason.images import Grid, Volume, load, save
from rightreason.inputs import InputRecord
from rightreason.layout import INPUT_KINDS
from rightreason.make_view import make_view, statement
from rightreason.placement import SeenRegion, place
from rightreason.prepare import prepare_case
from rightreason.staple import staple
from rightreason.view_volumes import LADDER, ct_volume

from tests.volumes import simpleitk_series

SHAPE = (30, 26, 10)
LARGE = (256, 256, 64)
OTSU = {"rule": "otsu", "part": "positive"}
PREPARE = {
    "window": (-1000, 400),
    "margin_mm": 4,
    "crop": "body",
    "slices": {"size": 16, "count": 4},
    "subset": {"size": 16, "count": 3},
    "volume": {"size": (12, 12, 8)},
}
TURN = np.deg2rad(20)
AFFINES = {
    "RAS": [[2, 0, 0, -31], [0, 2, 0, -20], [0, 0, 5, 100]],
    "LPS": [[-2, 0, 0, 31], [0, -2, 0, 20], [0, 0, 5, -100]],
    # Stored as sagittal or coronal slices: the axis from feet to head is the second.
    "sagittal": [[0, 0, 5, -20], [-2, 0, 0, 30], [0, -2, 0, 40]],
    "coronal": [[2, 0, 0, -30], [0, 0, -5, 25], [0, 2, 0, -26]],
    "oblique": [
        [-2 * np.cos(TURN), 2 * np.sin(TURN), 0, 30],
        [-2 * np.sin(TURN), -2 * np.cos(TURN), 0, 20],
        [0, 0, 5, -50],
    ],
}


def affine_of(name: str) -> np.ndarray:
    return np.array([*AFFINES[name], [0, 0, 0, 1]], dtype=float)


def image_of(data: str) -> Any:
    return nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(data)))


def at_mm(image: Any, mm: np.ndarray) -> float:
    """The value of the voxel that holds a point."""
    index = np.linalg.inv(image.affine) @ [*mm, 1]
    return float(image.get_fdata()[tuple(np.round(index[:3]).astype(int))])


def read_view(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="ascii")
    assert text.startswith("rightreason.show({")
    assert text.endswith("});\n")
    assert "<" not in text
    return json.loads(text.removeprefix("rightreason.show(").removesuffix(");\n"))


def a_chest(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Air around a block of noise: `prepare` crops to the block."""
    hu = np.full(shape, -1000)
    inner = tuple(slice(n // 6, n - n // 6) for n in shape)
    hu[inner] = np.random.default_rng(seed).integers(-200, 1200, hu[inner].shape)
    return hu.astype(np.int16)


@dataclass
class Case:
    """What a `make_view` job reads, in a folder."""

    folder: Path
    hu: np.ndarray
    affine: np.ndarray
    kinds: tuple[str, ...] = INPUT_KINDS
    records: dict[str, InputRecord] = field(default_factory=dict)

    @classmethod
    def write(
        cls, folder: Path, hu: np.ndarray, affine: np.ndarray, kinds: tuple[str, ...] = INPUT_KINDS,
        crop: str = "body", seed: int = 0,
    ) -> Case:  # fmt: skip
        case = cls(folder, hu, affine, kinds)
        save(folder / "ct.nii.gz", hu, affine, np.int16)
        images = {kind: folder / f"{kind}.nii.gz" for kind in INPUT_KINDS}
        paths = {kind: folder / f"{kind}.json" for kind in INPUT_KINDS}
        settings = {**PREPARE, "crop": crop}
        prepare_case("c", folder / "ct.nii.gz", None, images, paths, settings)
        rng = np.random.default_rng(seed)
        for kind in kinds:
            case.records[kind] = InputRecord.read(paths[kind])
            case.write_map(kind, rng.normal(size=case.records[kind].shape))
        return case

    def write_map(self, kind: str, values: np.ndarray) -> None:
        save(self.map_path(kind), values, self.records[kind].grid.affine, np.float32)

    def map_path(self, kind: str) -> Path:
        return self.folder / f"{kind}.map.nii.gz"

    def part(self, kind: str, part: str = "positive") -> np.ndarray:
        """The map's part on the seen region, as it is scored."""
        return part_of(place(load(self.map_path(kind)), self.records[kind]), part)

    def on_ct(self, kind: str) -> np.ndarray:
        """The map's part on the CT grid, NaN where nothing was seen."""
        values = np.full(self.hu.shape, np.nan, dtype=np.float32)
        values[np.ix_(*SeenRegion.of(self.records[kind]).axes)] = self.part(kind)
        return values

    def annotate(self, masks: dict[str, np.ndarray]) -> Path:
        folder = self.folder / "marks"
        votes = np.zeros(self.hu.shape, dtype=np.uint8)
        for rater, mask in masks.items():
            votes += mask
            save(folder / f"{rater}.nii.gz", mask, self.affine, np.uint8)
        save(folder / "votes.nii.gz", votes, self.affine, np.uint8)
        save(folder / "staple.nii.gz", staple(masks).mask, self.affine, np.uint8)
        return folder

    def view(
        self, marks: Path | None = None, size: tuple[int, ...] = LARGE,
        binarisation: dict[str, Any] = OTSU, reference: str = "union",
    ) -> dict[str, Any]:  # fmt: skip
        files = {
            f"m_{kind}": ModelFiles(
                self.folder / f"{kind}.json", {"cam": self.map_path(kind)}, {}, ()
            )
            for kind in self.kinds
        }
        settings = {"binarisation": binarisation, "reference": reference, "view_size": list(size)}
        out = self.folder / "cases" / "c.js"
        make_view("c", files, self.folder / "ct.nii.gz", marks, settings, out)
        return read_view(out)


def a_case(folder: Path, name: str = "LPS", **options: Any) -> Case:
    shape = {"sagittal": (26, 30, 10), "coronal": (30, 26, 10)}.get(name, SHAPE)
    return Case.write(folder, a_chest(shape), affine_of(name), **options)


def step_at(hu: float) -> int:
    return next(step for bound, step in reversed(LADDER[:-1]) if hu >= bound)


def blocks_of(
    volume: Any, ct: np.ndarray, affine: np.ndarray, count: int = 25
) -> list[tuple[Any, ...]]:
    """For some voxels of a view: their place, and which voxels of the CT lie inside, by mm."""
    grid = np.stack(np.meshgrid(*map(np.arange, ct.shape), indexing="ij"), axis=-1)
    at = grid @ affine[:3, :3].T + affine[:3, 3]
    found = []
    for place_ in np.random.default_rng(0).integers(0, volume.shape, (count, 3)):
        inside = (at - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T - place_
        found.append((tuple(place_), np.all(np.abs(inside) < 0.5 - 1e-6, axis=-1)))
    return found


def test_hu_by_hand(tmp_path: Path) -> None:
    case = a_case(tmp_path)
    case.hu[10, 20, 4], case.hu[24, 3, 8] = -850, 56
    save(tmp_path / "ct.nii.gz", case.hu, case.affine, np.int16)
    image = image_of(case.view()["ct"]["data"])
    # x = 31 - 2 i, y = 20 - 2 j, z = -100 + 5 k.
    assert abs(at_mm(image, np.array([11, -20, -80])) - -850) <= 12
    assert abs(at_mm(image, np.array([-17, 14, -60])) - 56) <= 4
    assert image.get_data_dtype() == np.int16


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("size", [LARGE, (12, 7, 5)])
def test_ct_is_the_mean_of_what_lies_in_a_voxel(
    tmp_path: Path, name: str, size: tuple[int, ...]
) -> None:
    case = a_case(tmp_path, name, crop="none")
    ct = case.view(size=size)["ct"]
    image = image_of(ct["data"])
    # Where the slice axis, from feet to head, is the second, the third number is for it.
    reduced = [3, 6, 2] if name in ("sagittal", "coronal") else [3, 4, 2]
    assert ct["reduced"] == ([1, 1, 1] if size == LARGE else reduced)
    assert np.allclose(ct["mm"], nib.affines.voxel_sizes(image.affine))
    assert np.allclose(image.header.get_qform(), image.affine, atol=1e-4)
    for at, inside in blocks_of(image, case.hu, case.affine):
        assert 0 < inside.sum() <= np.prod(ct["reduced"])
        mean = case.hu[inside].mean()
        assert abs(image.get_fdata()[at] - mean) <= step_at(mean) / 2


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("size", [LARGE, (12, 7, 5)])
@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_maps_are_the_mean_of_what_was_seen(
    tmp_path: Path, name: str, size: tuple[int, ...], kind: str
) -> None:
    case = a_case(tmp_path, name, kinds=(kind,))
    (shown,) = case.view(size=size)["maps"]
    image, values = image_of(shown["data"]), case.on_ct(kind)
    stored = np.asarray(image.dataobj.get_unscaled())
    assert image.get_data_dtype() == np.uint8
    assert stored.max() <= 253
    for at, inside in blocks_of(image, case.hu, case.affine):
        seen = values[inside][~np.isnan(values[inside])]
        found = image.get_fdata()[at]
        if not seen.size:
            assert stored[at] == 0
            assert found < 0
        else:
            assert abs(found - seen.mean()) <= 2.01 / 252 * shown["largest"]


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("kind", ["slices", "subset"])
def test_no_attention_on_a_slice_that_was_not_seen(tmp_path: Path, name: str, kind: str) -> None:
    case = a_case(tmp_path, name, kinds=(kind,))
    record = case.records[kind]
    case.write_map(kind, np.ones(record.shape))
    image = image_of(case.view()["maps"][0]["data"])
    seen = np.zeros(case.hu.shape[record.ct_slice_axis], dtype=bool)
    seen[record.ct_slices] = True
    middle = np.array([n / 2 for n in image.shape])
    shown = set()
    for k in range(image.shape[record.ct_slice_axis]):
        middle[record.ct_slice_axis] = k
        mm = (image.affine @ [*middle, 1])[:3]
        slice_ = int(np.round((np.linalg.inv(case.affine) @ [*mm, 1])[record.ct_slice_axis]))
        plane = image.get_fdata().take(k, axis=record.ct_slice_axis)
        assert (plane.max() >= 0) == seen[slice_]
        shown |= {slice_} if seen[slice_] else set()
    assert shown == set(record.ct_slices)


@pytest.mark.parametrize("name", AFFINES)
def test_the_maximum_lies_at_its_place(tmp_path: Path, name: str) -> None:
    case = a_case(tmp_path, name)
    for shown in case.view()["maps"]:
        kind = shown["model"].removeprefix("m_")
        values = case.on_ct(kind)
        index = np.linalg.inv(case.affine) @ [*shown["peak_mm"], 1]
        assert shown["largest"] == float(np.nanmax(values))
        assert values[tuple(np.round(index[:3]).astype(int))] == np.nanmax(values)
        assert np.allclose(index[:3], np.round(index[:3]), atol=1e-3)
        image = image_of(shown["data"])
        assert at_mm(image, shown["peak_mm"]) == pytest.approx(shown["largest"], rel=1e-5)
        assert shown["method"] == "cam"
        assert shown["part"] == "positive"


def test_of_equal_maxima_the_middle_one(tmp_path: Path) -> None:
    """A model that sees a subset of slices at once has one map for all of them."""
    case = a_case(tmp_path, kinds=("subset",))
    record = case.records["subset"]
    plane = np.random.default_rng(1).normal(size=record.shape[:2])
    case.write_map("subset", np.repeat(plane[..., None], record.shape[2], axis=2))
    peak = case.view()["maps"][0]["peak_mm"]
    slices = np.unique(record.ct_slices)
    assert (peak[2] + 100) / 5 == slices[len(slices) // 2]


RULES = [{"rule": "otsu"}, {"rule": "half"}, {"rule": "top", "percent": 7}]
PARTS = ("positive", "negative", "absolute")


@pytest.mark.parametrize(
    ("rule", "part", "reference"),
    [
        *((rule, part, "union") for rule in RULES for part in PARTS),
        *(({"rule": "area"}, "positive", reference)
          for reference in ("union", "majority", "intersection", "staple", "r2")),
    ],
)  # fmt: skip
def test_thresholds_are_those_of_the_score(
    tmp_path: Path, rule: dict[str, Any], part: str, reference: str
) -> None:
    case = a_case(tmp_path)
    rng = np.random.default_rng(3)
    core = rng.random(case.hu.shape) < 0.1
    masks = {f"r{i}": core & (rng.random(core.shape) < 0.8) for i in range(1, 4)}
    votes = sum(mask.astype(int) for mask in masks.values())
    own = {
        "union": votes > 0, "majority": votes > 1, "intersection": votes == 3,
        "staple": staple(masks).mask, "r2": masks["r2"],
    }[reference]  # fmt: skip
    binarisation = {**rule, "part": part}
    shown = case.view(case.annotate(masks), (12, 7, 5), binarisation, reference)
    for found in shown["maps"]:
        kind = found["model"].removeprefix("m_")
        values = case.part(kind, part)
        important = SeenRegion.of(case.records[kind]).take(own).sum()
        expected = cut(binarisation, descending(values), values.size, float(important))
        assert found["threshold"] == expected.threshold
        # A step of the map's codes is four of its slope.
        lowest = (found["attended_from"] - 1) * found["largest"] / 252
        assert abs(lowest - expected.threshold) <= 4 * found["largest"] / 252
        assert found["largest"] == values.max()
        assert found["part"] == part


@pytest.mark.parametrize("rule", RULES)
def test_voxels_tied_at_the_threshold_are_attended(tmp_path: Path, rule: dict[str, Any]) -> None:
    case = a_case(tmp_path, kinds=("slices",))
    plateau = np.zeros(case.records["slices"].shape)
    plateau[4:12] = 0.7
    case.write_map("slices", plateau)
    (shown,) = case.view(binarisation={**rule, "part": "positive"})["maps"]
    stored = np.asarray(image_of(shown["data"]).dataobj.get_unscaled())
    assert 1 < shown["attended_from"] <= stored.max()


def test_without_annotations(tmp_path: Path) -> None:
    case = a_case(tmp_path)
    shown = case.view()
    assert shown["marks"] is None
    assert all(found["threshold"] > 0 for found in shown["maps"])
    area = case.view(binarisation={"rule": "area", "part": "positive"})
    assert [found["threshold"] for found in area["maps"]] == [None] * 3


def test_a_reference_that_did_not_look_and_one_that_marked_nothing(tmp_path: Path) -> None:
    case = a_case(tmp_path)
    area = {"rule": "area", "part": "positive"}
    marks = case.annotate({"r1": np.zeros(case.hu.shape, bool)})
    for reference in ("r1", "r9"):
        shown = case.view(marks, binarisation=area, reference=reference)
        assert [found["threshold"] for found in shown["maps"]] == [None] * 3


@pytest.mark.parametrize("values", [0.0, -1.0])
def test_a_map_without_evidence(tmp_path: Path, values: float) -> None:
    case = a_case(tmp_path, kinds=("slices",))
    case.write_map("slices", np.full(case.records["slices"].shape, values))
    (shown,) = case.view()["maps"]
    image = image_of(shown["data"])
    assert (shown["largest"], shown["peak_mm"], shown["threshold"]) == (0.0, None, None)
    assert np.unique(image.get_fdata()).tolist() == [-1, 0]


def test_tiny_values_keep_their_units(tmp_path: Path) -> None:
    case = a_case(tmp_path, kinds=("volume",))
    case.write_map("volume", np.full(case.records["volume"].shape, 3e-37))
    image = image_of(case.view()["maps"][0]["data"])
    assert np.abs(image.get_fdata().max() - 3e-37) < 3e-38


def test_a_map_with_nan_is_left_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    case = a_case(tmp_path)
    case.write_map("subset", np.full(case.records["subset"].shape, np.nan))
    assert [found["model"] for found in case.view()["maps"]] == ["m_slices", "m_volume"]
    assert "subset.map.nii.gz holds NaN" in caplog.text


@pytest.mark.parametrize(
    ("name", "raters", "kind"),
    [*((name, 3, np.uint8) for name in AFFINES), ("LPS", 9, np.uint16), ("LPS", 17, np.uint32)],
)
def test_marks_are_bits_of_who_marked(tmp_path: Path, name: str, raters: int, kind: type) -> None:
    case = a_case(tmp_path, name, kinds=("subset",))
    rng = np.random.default_rng(0)
    masks = {f"r{i:02d}": rng.random(case.hu.shape) < 0.05 for i in range(raters)}
    masks["r01"][:] = False
    shown = case.view(case.annotate(masks), (12, 7, 64))["marks"]
    image = image_of(shown["data"])
    bits = np.asarray(image.dataobj).astype(int)
    assert shown["raters"] == sorted(masks)
    assert image.get_data_dtype() == kind
    assert image.shape == case.hu.shape  # marks everywhere widen the crop to all of the CT
    for bit, rater in enumerate(shown["raters"]):
        assert np.array_equal(bits >> bit & 1, masks[rater])
    assert np.allclose(image.affine, case.affine, atol=1e-4)


def test_a_reduced_slice_holds_the_marks_of_all_its_slices(tmp_path: Path) -> None:
    case = a_case(tmp_path, crop="none")
    mask = np.zeros(case.hu.shape, dtype=bool)
    mask[5, 6, 3] = mask[7, 8, 4] = True
    shown = case.view(case.annotate({"a": mask, "b": ~mask}), (256, 256, 5))
    bits = np.asarray(image_of(shown["marks"]["data"]).dataobj)
    assert shown["ct"]["reduced"] == [1, 1, 2]
    assert bits.shape == (30, 26, 5)
    assert (bits[5, 6, 1], bits[7, 8, 2], bits[0, 0, 0]) == (3, 3, 2)


def test_the_crop_holds_all_that_was_seen_or_marked_and_no_more(tmp_path: Path) -> None:
    case = a_case(tmp_path, kinds=("slices",))
    axes = SeenRegion.of(case.records["slices"]).axes
    mask = np.zeros(case.hu.shape, dtype=bool)
    mask[0, 12, 9] = True
    shown = case.view(case.annotate({"a": mask}))
    image = image_of(shown["ct"]["data"])
    first = np.round(np.linalg.inv(case.affine) @ image.affine @ [0, 0, 0, 1])[:3]
    assert first.tolist() == shown["ct"]["first"] == [0, axes[1][0], axes[2][0]]
    assert shown["ct"]["shape"] == list(case.hu.shape)
    assert image.shape == (axes[0][-1] + 1, axes[1][-1] + 1 - axes[1][0], 10 - axes[2][0])
    marks = image_of(shown["marks"]["data"])
    assert at_mm(marks, (case.affine @ [0, 12, 9, 1])[:3]) == 1


def test_the_third_number_is_for_the_slice_axis(tmp_path: Path) -> None:
    hu = a_chest((8, 26, 30))
    affine = np.array([[0.0, 2, 0, -20], [0, 0, 2, -30], [6, 0, 0, -20], [0, 0, 0, 1]])
    case = Case.write(tmp_path, hu, affine, crop="none")
    assert case.records["slices"].ct_slice_axis == 0
    assert case.view(size=(13, 10, 8))["ct"]["reduced"] == [1, 2, 3]
    assert case.view(size=(256, 256, 4))["ct"]["reduced"] == [2, 1, 1]


def test_the_same_case_has_the_same_bytes(tmp_path: Path) -> None:
    case = a_case(tmp_path)
    marks = case.annotate({"a": case.hu > 300})
    case.view(marks)
    first = (tmp_path / "cases" / "c.js").read_bytes()
    case.view(marks)
    assert (tmp_path / "cases" / "c.js").read_bytes() == first


def test_no_text_can_end_the_script() -> None:
    text = "</script><script>alert(1)</script><!--\u2028\U0001f480"
    written = statement({"marks": {"raters": [text]}})
    assert b"<" not in written
    assert written.isascii()
    assert json.loads(written[len("rightreason.show(") : -3])["marks"]["raters"] == [text]


def test_images_of_other_grids_are_refused(tmp_path: Path) -> None:
    case = a_case(tmp_path)
    marks = case.annotate({"a": case.hu > 300})
    moved = case.affine.copy()
    moved[0, 3] += 1
    save(tmp_path / "ct.nii.gz", case.hu, moved, np.int16)
    with pytest.raises(InputError, match="not on the same grid"):
        case.view()
    save(tmp_path / "ct.nii.gz", case.hu, case.affine, np.int16)
    for path in marks.iterdir():
        save(path, load(path).data, moved, np.uint8)
    with pytest.raises(InputError, match="The annotations of c and its CT"):
        case.view(marks)


def test_hu_within_half_a_step_and_cut_off_at_the_ends() -> None:
    hu = np.linspace(-2000, 4000, 12001, dtype=np.float32).reshape(-1, 1, 1)
    grid = Grid((hu.size, 1, 1), np.eye(4))
    shown = ct_volume(
        Volume(hu, grid), Blocks.over(grid, [(0, hu.size), (0, 1), (0, 1)], (1, 1, 1))
    )
    found = image_of(shown["data"]).get_fdata()
    inside = (hu >= shown["lowest"]) & (hu < shown["highest"])
    steps = np.array([step_at(max(value, -1024)) for value in hu.ravel()]).reshape(hu.shape)
    assert np.all(np.abs(found - hu)[inside] <= steps[inside] / 2)
    assert np.all(found[hu < -1024] == -1024)
    assert np.all(found[hu > 3072] == 3072)
    assert shown["ladder"] == [list(rung) for rung in LADDER[:-1]]
    assert all(low % shown["step_hu"] == 0 and step % shown["step_hu"] == 0 for low, step in LADDER)


@given(st.data())
def test_blocks_average_what_there_is(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(1, 9)) for _ in range(3))
    box = [sorted((data.draw(st.integers(0, n - 1)), n - 1)) for n in shape]
    box = [(start, stop + 1) for start, stop in box]
    factors = whole_factors(box, [data.draw(st.integers(1, 4)) for _ in range(3)])
    blocks = Blocks.over(Grid(shape, np.diag([2.0, -3, 4, 1])), box, factors)
    axes = tuple(
        np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=len(a), max_size=len(a)))) + a[0]
        for a in blocks.axes
    )
    if any(not axis.size for axis in axes):
        return
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    mean, counts = blocks.mean(values[np.ix_(*axes)], axes)
    kept = np.zeros(shape, dtype=bool)
    kept[np.ix_(*axes)] = True
    for at in np.ndindex(*blocks.shape):
        inside = tuple(
            slice(s + f * i, s + f * i + f)
            for s, f, i in zip(blocks.starts, factors, at, strict=True)
        )
        own = values[inside][kept[inside]]
        assert own.size == np.prod([count[i] for count, i in zip(counts, at, strict=True)])
        assert mean[at] == pytest.approx(own.mean() if own.size else 0)
    for (start, stop), axis in zip(box, blocks.axes, strict=True):
        assert axis[0] <= start
        assert axis[-1] >= stop - 1


def test_real_ct_reads_as_simpleitk_reads_it(tmp_path: Path, real_ct: Path) -> None:
    hu, affine = simpleitk_series(real_ct / "lidc" / "dicom")
    case = Case.write(tmp_path, hu.astype(np.int16), affine, kinds=("subset",), crop="none")
    image = image_of(case.view()["ct"]["data"])
    assert image.shape[:2] == (256, 256)
    assert (tmp_path / "cases" / "c.js").stat().st_size < 2e6
    for at, inside in blocks_of(image, hu, affine, count=3):
        assert inside.sum() == 4
        mean = max(hu[inside].mean(), -1024)
        assert abs(image.get_fdata()[at] - mean) <= step_at(mean) / 2
