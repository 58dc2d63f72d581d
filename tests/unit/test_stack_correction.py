"""Each policy of the conversion, on stacks whose corrected values are counted by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rightreason import converter
from rightreason.convert import convert_case
from rightreason.errors import InputError
from rightreason.images import Grid, Volume, load

from tests.dicom_files import (
    COLUMN_SPACING,
    COLUMNS,
    ORIGIN,
    ROW_SPACING,
    ROWS,
    STEP,
    ct_slice,
    enhanced,
    stored,
    write,
    write_series,
)
from tests.volumes import LPS_TO_RAS

AIR = -200


def convert(image: Path, tmp_path: Path, **policies: str) -> tuple[Volume, Any]:
    volume, record = tmp_path / "out" / "a.nii.gz", tmp_path / "out" / "a.json"
    convert_case("a", image, None, volume, record, {"timeout_s": 60, **policies})
    return load(volume), json.loads(record.read_text())


def refused(image: Path, tmp_path: Path, **policies: str) -> str:
    with pytest.raises(InputError) as caught:
        convert(image, tmp_path, **policies)
    assert not list(tmp_path.glob("out/*"))
    return str(caught.value)


def moved(folder: Path, places: Sequence[tuple[float, float, float]], **changes: Any) -> Path:
    """Slices k at ORIGIN + places[k]."""
    for k, place in enumerate(places):
        position = [float(v) for v in np.add(ORIGIN, place)]
        write(ct_slice(k, ImagePositionPatient=position, **changes), folder / f"{k}.dcm")
    return folder


def at(ct: Volume, lps: Sequence[float]) -> int:
    """The value at a voxel's centre, given in LPS mm from ORIGIN."""
    index = np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ [*np.add(ORIGIN, lps), 1]
    nearest = np.rint(index[:3]).astype(int)
    assert np.allclose(index[:3], nearest, atol=1e-4)
    return int(ct.data[tuple(nearest)])


def upright(record: Mapping[str, Any], ct: Volume) -> None:
    """No shear, and the record describes the file."""
    steps = ct.grid.affine[:3, :3].T @ ct.grid.affine[:3, :3]
    assert np.allclose(steps - np.diag(np.diag(steps)), 0, atol=1e-6)
    assert record["shape"] == list(ct.grid.shape)
    assert len(record["slices"]) == ct.grid.shape[2]


@pytest.mark.parametrize("slices", [(0, 1, 3, 4), (0, 1, 4), (0, 3, 4, 5, 7)])
def test_missing_slices_lie_on_the_line_between_their_neighbours(
    tmp_path: Path, slices: tuple[int, ...]
) -> None:
    """Values rise by 100 from slice to slice, so each interpolated one is what was taken out."""
    image = write_series(tmp_path / "in", slices)
    assert "or set `convert: gap: interpolate`" in refused(image, tmp_path)
    ct, record = convert(image, tmp_path, gap="interpolate")
    upright(record, ct)
    last = slices[-1]
    assert ct.grid.shape == (COLUMNS, ROWS, last + 1)
    for k in range(last + 1):
        assert at(ct, (3 * COLUMN_SPACING, 2 * ROW_SPACING, k * STEP)) == 100 * k + 23 + AIR
    for k, entry in enumerate(record["slices"]):
        assert entry["position_mm"] == 100 + STEP * k
        if k in slices:
            assert (entry["instance_number"], entry["between"]) == (k + 1, None)
        else:
            below = sum(number < k for number in slices) - 1
            assert entry["between"] == [below, below + 1]
            assert entry["index"] is entry["frame"] is entry["instance_number"] is None
    assert [a["position_mm"] for a in record["acquired"]] == [100 + STEP * k for k in slices]


def test_every_second_slice_of_a_series_is_not_all_of_it(tmp_path: Path) -> None:
    """Regular as they are: numbers that rise by 2, and 3 mm slices 6 mm apart, tell."""
    image = write_series(tmp_path / "in", (0, 2, 4, 6))
    message = refused(image, tmp_path, uneven_spacing="resample")
    assert "3 slice(s) are missing: the slices were 3 mm apart (their instance" in message
    assert "numbers rise by 2), but there is none between 100.00 and 106.00 mm;" in message
    ct, record = convert(image, tmp_path, gap="interpolate")
    assert ct.grid.shape == (COLUMNS, ROWS, 7)
    assert [at(ct, (0, 0, 3 * k)) - AIR for k in range(7)] == [100 * k for k in range(7)]
    assert record["corrections"] == ["gap: 3 slices interpolated at 103, 109, 115 mm"]


@pytest.mark.parametrize(
    ("change", "slices"),
    [
        ({"SliceThickness": 6}, (0, 2, 4, 6)),  # as thick as their steps: renumbered, but whole
        ({"SliceThickness": 1}, (0, 2, 4, 6)),  # thin ones, far apart from the start
        ({"SliceThickness": None}, (0, 2, 4, 6)),
        ({}, (0, 2, 4)),  # too few to tell
        ({"InstanceNumber": None}, (0, 2, 4, 6)),
    ],
)
def test_what_does_not_tell_of_missing_slices(
    tmp_path: Path, change: dict[str, Any], slices: tuple[int, ...]
) -> None:
    ct, record = convert(write_series(tmp_path / "in", slices, **change), tmp_path)
    assert ct.grid.shape[2] == len(slices)
    assert ct.grid.spacing_mm[2] == pytest.approx(6)
    assert not [said for said in record["corrections"] if said.startswith("gap")]


def test_what_was_interpolated_is_said(tmp_path: Path) -> None:
    one = convert(write_series(tmp_path / "a", (0, 1, 3)), tmp_path, gap="interpolate")[1]
    assert one["corrections"] == ["gap: 1 slice interpolated at 106 mm"]
    assert one["geometry"] == {
        "tilt_deg": 0.0, "header_tilt_deg": 0.0, "steps_mm": [3.0, 6.0], "overlap_mm": 0.0,
    }  # fmt: skip
    many = convert(write_series(tmp_path / "b", (0, 1, 7)), tmp_path, gap="interpolate")[1]
    assert many["corrections"] == ["gap: 5 slices interpolated at 106, 109, 112 mm and 2 more"]


def test_halves_are_rounded_and_acquired_slices_stay(tmp_path: Path) -> None:
    def change(k: int, dataset: Any) -> None:
        dataset.PixelData = (stored(k).astype(int) ** 2 % 1777).astype(np.int16).tobytes()

    ct, _ = convert(write_series(tmp_path / "in", (0, 1, 3), change=change), tmp_path,
                    gap="interpolate")  # fmt: skip
    assert ct.data.dtype == np.int16
    values = {k: stored(k).astype(int) ** 2 % 1777 + AIR for k in (0, 1, 3)}
    values[2] = np.rint((values[1] + values[3]) / 2).astype(int)
    for k in range(4):
        found = [
            [at(ct, (c * COLUMN_SPACING, r * ROW_SPACING, k * STEP)) for c in range(COLUMNS)]
            for r in range(ROWS)
        ]
        assert np.array_equal(found, values[k])


def test_uneven_slices_are_interpolated_at_the_smallest_step(tmp_path: Path) -> None:
    """Slices of the value 10 z at z = 0, 3, 6.8, 12: the volume has 10 z at 0, 3, 6, 9, 12."""
    heights = (0, 3, 6.8, 12)

    def change(k: int, dataset: Any) -> None:
        dataset.ImagePositionPatient = [0, 0, heights[k]]
        flat = np.full((ROWS, COLUMNS), round(10 * heights[k]), np.int16)
        dataset.PixelData = flat.tobytes()

    image = write_series(tmp_path / "in", range(4), change=change)
    assert "or set `convert: uneven_spacing: resample`" in refused(
        image, tmp_path, gap="interpolate"
    )
    ct, record = convert(image, tmp_path, uneven_spacing="resample")
    upright(record, ct)
    assert ct.data[2, 3].tolist() == [10 * z + AIR for z in (0, 3, 6, 9, 12)]
    assert [s["between"] for s in record["slices"]] == [None, None, [1, 2], [2, 3], None]
    assert [s["position_mm"] for s in record["slices"]] == [0, 3, 6, 9, 12]
    assert [a["position_mm"] for a in record["acquired"]] == [0, 3, 6.8, 12]
    assert record["corrections"] == [
        "uneven_spacing: 4 slices 3 to 5.2 mm apart resampled to 5, 3 mm apart"
    ]


def test_a_step_that_cannot_be_right_is_no_reason_to_resample(tmp_path: Path) -> None:
    places = [(0, 0, z) for z in (0, 5, 5.1, 10, 15, 20)]
    message = refused(moved(tmp_path / "in", places), tmp_path, uneven_spacing="resample")
    assert "more than 8 times as many: some positions in the headers are wrong" in message


def test_a_part_in_thicker_slices_is_no_gap(tmp_path: Path) -> None:
    """3 mm slices 3 mm apart, then 6 mm slices 6 mm apart: nothing is missing between them."""
    image = moved(tmp_path / "in", [(0, 0, z) for z in (0, 3, 6, 9)])
    for k, z in enumerate((15, 21, 27), start=4):
        place = [*ORIGIN[:2], ORIGIN[2] + z]
        write(ct_slice(k, ImagePositionPatient=place, SliceThickness=6), image / f"{k}.dcm")
    message = refused(image, tmp_path, gap="interpolate")
    assert "unevenly spaced: steps of 3, 6 mm" in message
    assert "missing" not in message
    ct, _ = convert(image, tmp_path, uneven_spacing="resample")
    assert ct.grid.shape[2] == 10


@pytest.mark.parametrize("tag", [None, 0, 18.4, -18.4])
@pytest.mark.parametrize("rows_per_slice", [0.5, -0.5, 1, -1])
def test_tilted_slices_are_moved_back_in_their_plane(
    tmp_path: Path, rows_per_slice: float, tag: float | None
) -> None:
    """Each slice drifts by `rows_per_slice`; values rise by 10 per row, so halves are whole."""
    places = [(0, rows_per_slice * ROW_SPACING * k, STEP * k) for k in range(5)]
    changes = {} if tag is None else {"GantryDetectorTilt": tag}
    image = moved(tmp_path / "in", places, **changes)
    degrees = np.degrees(np.arctan(abs(rows_per_slice) * ROW_SPACING / STEP))
    message = refused(image, tmp_path, tilt="error")
    assert f"leans {degrees:.1f} degrees" in message
    assert "or set `convert: tilt: correct`" in message
    ct, record = convert(image, tmp_path, tilt="correct")
    upright(record, ct)
    more = int(np.ceil(abs(rows_per_slice) * 4))
    assert ct.grid.shape == (COLUMNS, ROWS + more, 5)
    for k in range(5):
        for row in range(
            -more if rows_per_slice < 0 else 0, ROWS + (more if rows_per_slice > 0 else 0)
        ):
            own = row - rows_per_slice * k
            found = at(ct, (2 * COLUMN_SPACING, row * ROW_SPACING, k * STEP))
            if 0 <= own <= ROWS - 1:
                assert found == 100 * k + 10 * own + 2 + AIR
            elif own <= -1 or own >= ROWS:
                assert found == AIR
            else:
                edge = 100 * k + 10 * (0 if own < 0 else ROWS - 1) + 2
                assert found == edge / 2 + AIR
    said = [f"tilt: {degrees:.1f} degrees corrected, corners filled with -200 HU"]
    if tag in (None, 0) or abs(degrees - 18.4) > 0.5:
        said.insert(0, f"tilt: the header says {tag or 0:g} degrees, the slice positions "
                    f"{degrees:.1f}, and the positions were followed")  # fmt: skip
    assert record["corrections"] == said
    assert record["geometry"]["tilt_deg"] == round(degrees, 2)
    assert record["geometry"]["header_tilt_deg"] == (tag or 0)
    origins = [np.multiply(np.add(ORIGIN, place), (-1, -1, 1)).tolist() for place in places]
    assert [a["origin_mm"] for a in record["acquired"]] == origins


@pytest.mark.parametrize("rows_per_slice", [1, -1])
@pytest.mark.parametrize("heights", [(0, 1, 2, 3, 4), (0, 1, 3, 4), (0, 1, 2, 3.5)])
def test_instances_may_run_down_a_tilted_stack(
    tmp_path: Path, heights: tuple[float, ...], rows_per_slice: int
) -> None:
    """As most scanners number them; dcm2niix then places the stack by its other end."""
    volumes = []
    for down in (False, True):
        image = tmp_path / f"in{down}"
        for k, height in enumerate(heights):
            place = [0, rows_per_slice * ROW_SPACING * height, STEP * height]
            number = len(heights) - k if down else k + 1
            write(ct_slice(k, ImagePositionPatient=[float(v) for v in np.add(ORIGIN, place)],
                           InstanceNumber=number, GantryDetectorTilt=33.7),
                  image / f"{k}.dcm")  # fmt: skip
        ct, record = convert(
            image, tmp_path, tilt="correct", gap="interpolate", uneven_spacing="resample"
        )
        assert any(said.startswith("tilt: 33.7 degrees") for said in record["corrections"])
        assert not any(said.startswith("rewritten") for said in record["corrections"])
        volumes.append(ct)
    assert volumes[0].grid.difference(volumes[1].grid) is None
    assert np.array_equal(volumes[0].data, volumes[1].data)


@pytest.mark.parametrize("rows_per_slice", [1, -1])
def test_a_tilted_coronal_stack(tmp_path: Path, rows_per_slice: int) -> None:
    """Direct coronal slices of a tilted gantry, which dcm2niix places elsewhere."""
    image = tmp_path / "in"
    for k in range(4):
        top = 100 - ROW_SPACING * rows_per_slice * k
        write(ct_slice(k, ImagePositionPatient=[-20.0, STEP * k, top],
                       ImageOrientationPatient=[1, 0, 0, 0, 0, -1], GantryDetectorTilt=33.7),
              image / f"{k}.dcm")  # fmt: skip
    ct, record = convert(image, tmp_path, tilt="correct")
    upright(record, ct)
    # One row of drift from slice to slice, down the rows or up.
    for k in range(4):
        lps = [-20.0, STEP * k, 100 - ROW_SPACING * (rows_per_slice * k + 2), 1]
        index = np.rint((np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ lps)[:3]).astype(int)
        assert ct.data[tuple(index)] == 100 * k + 20 + AIR


def test_a_tag_that_the_positions_do_not_show_corrects_nothing(tmp_path: Path) -> None:
    image = write_series(tmp_path / "in", GantryDetectorTilt=18.5)
    ct, record = convert(image, tmp_path, tilt="error")
    assert ct.grid.shape == (COLUMNS, ROWS, 6)
    assert at(ct, (1.5, 2, 15)) == 511 + AIR
    assert record["corrections"] == [
        "tilt: the header says 18.5 degrees, the slice positions none, and the positions were "
        "followed"
    ]


def test_a_lean_that_no_gantry_has(tmp_path: Path) -> None:
    image = moved(tmp_path / "in", [(0, 4 * k, 3 * k) for k in range(4)])
    assert "which no gantry does" in refused(image, tmp_path, tilt="correct")


def test_a_lean_of_a_tenth_of_a_millimetre(tmp_path: Path) -> None:
    """Beyond what rounding explains, it is moved back too, and said as what it is."""
    image = moved(tmp_path / "in", [(0, 0.025 * k, 3 * k) for k in range(5)])
    assert "leans 0.5 degrees" in refused(image, tmp_path)
    ct, record = convert(image, tmp_path, tilt="correct")
    assert ct.grid.shape == (COLUMNS, ROWS + 1, 5)
    # The last slice stands 0.05 rows aside: 0.05 of the row above, 0.5 HU less.
    assert at(ct, (0, 6, 12)) in (430 + AIR - 1, 430 + AIR)
    assert record["corrections"] == ["tilt: 0.5 degrees corrected, corners filled with -200 HU"]
    wide = moved(tmp_path / "wide", [(0, 0.02 * k, 50 * k) for k in range(5)])
    assert "leans 0.02 degrees" in refused(wide, tmp_path / "other")


def test_tilt_and_a_gap_at_once(tmp_path: Path) -> None:
    """One row per slice, and slice 2 missing: half of 1 and half of 3, each moved back first."""
    image = moved(tmp_path / "in", [(0, 2 * k, 3 * k) for k in (0, 1, 3)])
    message = refused(image, tmp_path)
    assert "tilt: correct" in message
    assert "gap: interpolate" in message
    ct, record = convert(image, tmp_path, tilt="correct", gap="interpolate")
    assert ct.grid.shape == (COLUMNS, ROWS + 3, 4)
    # Row 4 of the volume is row 3 of the second file and row 1 of the third; values 130 and 210.
    assert at(ct, (0, 8, 6)) == (130 + 210) / 2 + AIR
    assert at(ct, (0, 8, 3)) == 130 + AIR
    assert [note.split(":")[0] for note in record["corrections"]] == ["tilt", "tilt", "gap"]


def test_tilt_and_uneven_spacing_at_once(tmp_path: Path) -> None:
    image = moved(tmp_path / "in", [(0, z / 3, z) for z in (0, 3, 7.5, 12)])
    ct, record = convert(image, tmp_path, tilt="correct", uneven_spacing="resample")
    assert ct.grid.shape == (COLUMNS, ROWS + 2, 5)
    # At z = 6, two thirds of the way from file 1 (moved by 1 mm, half a row) to file 2 (by 2.5 mm).
    one, two = 100 + 10 * (3 - 0.5), 200 + 10 * (3 - 1.25)
    assert at(ct, (0, 6, 6)) == round(one / 3 + two * 2 / 3) + AIR
    assert record["slices"][2]["between"] == [1, 2]


def test_fractional_hounsfield_units_are_not_rounded(tmp_path: Path) -> None:
    image = write_series(tmp_path / "in", (0, 1, 3), RescaleSlope=0.5, RescaleIntercept=-200.25)
    ct, _ = convert(image, tmp_path, gap="interpolate")
    assert ct.data.dtype == np.float32
    index = np.rint(np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ [*ORIGIN[:2], 106, 1]).astype(int)
    assert ct.data[tuple(index[:3])] == 100 - 200.25


def test_the_first_slice_at_a_position_is_taken(tmp_path: Path) -> None:
    """By acquisition, then instance number, then name; not by name alone."""
    image = write_series(tmp_path / "in", range(4), AcquisitionNumber=2)
    write(ct_slice(5, ImagePositionPatient=[*ORIGIN[:2], 103], InstanceNumber=9,
                   AcquisitionNumber=1), image / "z.dcm")  # fmt: skip
    write(ct_slice(6, ImagePositionPatient=[*ORIGIN[:2], 106], InstanceNumber=9,
                   AcquisitionNumber=2), image / "a.dcm")  # fmt: skip
    message = refused(image, tmp_path)
    assert "2 position(s) are taken twice, by slices that differ" in message
    assert "or set `convert: repeated_position: first`" in message
    ct, record = convert(image, tmp_path, repeated_position="first")
    found = [at(ct, (0, 0, z)) - AIR for z in (0, 3, 6, 9)]
    assert found == [0, 500, 200, 300]
    assert record["corrections"] == ["repeated_position: first of 2 taken at 2 positions"]
    names = sorted(path.name for path in image.iterdir())
    (left_out,) = record["left_out"]
    assert left_out["reason"] == "repeated position"
    assert [names[i] for i in left_out["files"]] == ["007.dcm", "a.dcm"]


def test_a_series_of_several_volumes(tmp_path: Path) -> None:
    image = write_series(tmp_path / "in", range(4), AcquisitionNumber=2)
    air = {"RescaleIntercept": -600}
    for k in range(4):
        later = ct_slice(k + 4, ImagePositionPatient=[*ORIGIN[:2], 100 + 3 * k],
                         AcquisitionNumber=1, **air)  # fmt: skip
        write(later, image / f"x{k}.dcm")
    assert "holds 2 volumes" in refused(image, tmp_path)
    ct, record = convert(image, tmp_path, repeated_position="first")
    assert [at(ct, (0, 0, 3 * k)) for k in range(4)] == [-200, -100, 0, 100]
    assert record["corrections"] == ["repeated_position: first of 2 taken at 4 positions"]


@pytest.mark.parametrize("keyword", ["TemporalPositionIndex", "FrameAcquisitionNumber"])
def test_frames_of_several_times_are_not_mixed(tmp_path: Path, keyword: str) -> None:
    """Whatever their order in the file: here the later frame comes first at every other place."""
    dataset = enhanced(8)
    for frame, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        k, second = divmod(frame, 2)
        item.PlanePositionSequence[0].ImagePositionPatient = [*ORIGIN[:2], 100 + 3 * k]
        setattr(item.FrameContentSequence[0], keyword, 1 + (second ^ k % 2))
    image = write(dataset, tmp_path / "multi.dcm")
    assert "holds 2 volumes" in refused(image, tmp_path)
    ct, record = convert(image, tmp_path, repeated_position="first")
    by_height = sorted(record["slices"], key=lambda entry: entry["position_mm"])
    assert [entry["frame"] for entry in by_height] == [0, 3, 4, 7]
    assert [at(ct, (0, 0, 3 * k)) - AIR for k in range(4)] == [700, 400, 300, 0]


def test_all_slices_at_one_position_are_no_volume(tmp_path: Path) -> None:
    image = moved(tmp_path / "in", [(0, 0, 0)] * 3)
    assert "holds no CT volume" in refused(image, tmp_path, repeated_position="first")


def test_a_repeated_slice_that_stands_aside_is_not_dropped(tmp_path: Path) -> None:
    image = write_series(tmp_path / "in", range(4))
    write(ct_slice(1, ImagePositionPatient=[0, -30, 103], InstanceNumber=9), image / "z.dcm")
    message = refused(image, tmp_path, repeated_position="first", tilt="correct")
    assert "aside of one another by up to 20.00 mm (z.dcm)" in message


def test_irregular_frames_of_one_file(tmp_path: Path) -> None:
    """Multi-frame or not, the policies are the same: the gap at 106 mm, and tilt."""
    dataset = enhanced(4)
    for frame, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        k = (4, 3, 1, 0)[frame]
        item.PlanePositionSequence[0].ImagePositionPatient = [-20, -30 + 2 * k, 100 + 3 * k]
    image = write(dataset, tmp_path / "multi.dcm")
    ct, record = convert(image, tmp_path, gap="interpolate", tilt="correct")
    assert ct.grid.shape == (COLUMNS, ROWS + 4, 5)
    # Frames hold the values of slices 3, 2, 1, 0 from the top; row 4 of the volume.
    assert at(ct, (0, 8, 3)) == 100 + 30 + AIR
    assert at(ct, (0, 8, 6)) == (100 + 30 + 200 + 10) / 2 + AIR
    by_height = sorted(record["slices"], key=lambda entry: entry["position_mm"])
    assert [entry["frame"] for entry in by_height] == [3, 2, None, 1, 0]


def test_feet_first_and_upside_down(tmp_path: Path) -> None:
    """Where the normal runs down the body, positions and neighbours are told in one direction."""

    def change(k: int, dataset: Any) -> None:
        dataset.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [20, -30, 100 + 3 * k]

    image = write_series(tmp_path / "in", (0, 1, 3), change=change)
    ct, record = convert(image, tmp_path, gap="interpolate")
    axis = record["slice_axis"]
    direction = ct.grid.affine[:3, axis] / ct.grid.spacing_mm[axis]
    by_number = {e["instance_number"]: n for n, e in enumerate(record["slices"])}
    for number, z in ((1, 100), (2, 103), (4, 109), (None, 106)):
        n = by_number[number]
        assert (ct.grid.affine @ [0, 0, n, 1])[2] == pytest.approx(z)
        assert record["slices"][n]["position_mm"] == pytest.approx(z * direction[2])
    assert sorted(record["slices"], key=lambda e: e["position_mm"]) == record["slices"]
    low, high = record["slices"][by_number[None]]["between"]
    heights = [a["position_mm"] for a in record["acquired"]]
    assert heights == sorted(heights)
    assert {abs(heights[low]), abs(heights[high])} == {103, 109}
    assert record["acquired"][low]["origin_mm"][:2] == [-20, 30]
    assert record["plane"] == {
        "columns": COLUMNS, "rows": ROWS, "column_mm": [1.5, 0, 0], "row_mm": [0, -2, 0],
    }  # fmt: skip


def test_slices_written_from_the_other_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No version of dcm2niix at hand does it, but another may: first slice last, step negative."""
    honest = converter._load_hounsfield

    def reversed_slices(path: Path) -> Volume:
        volume = honest(path)
        affine = volume.grid.affine.copy()
        affine[2, 2], affine[2, 3] = -affine[2, 2], 109
        return Volume(volume.data[:, :, ::-1], Grid(volume.grid.shape, affine))

    monkeypatch.setattr(converter, "_load_hounsfield", reversed_slices)
    image = write_series(tmp_path / "in", (0, 1, 3))
    ct, record = convert(image, tmp_path, gap="interpolate")
    for k in range(4):
        assert at(ct, (3 * COLUMN_SPACING, 2 * ROW_SPACING, k * STEP)) == 100 * k + 23 + AIR
    assert [e["position_mm"] for e in record["slices"]] == [-109, -106, -103, -100]
    assert [e["instance_number"] for e in record["slices"]] == [4, None, 2, 1]
    assert record["slices"][1]["between"] == [0, 1]
    assert [a["position_mm"] for a in record["acquired"]] == [-109, -103, -100]
    assert record["corrections"] == ["gap: 1 slice interpolated at -106 mm"]


def second_slice_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = converter._load_hounsfield

    def wrong(path: Path) -> Volume:
        volume = honest(path)
        volume.data[2, 2, 1] += 1
        return volume

    monkeypatch.setattr(converter, "_load_hounsfield", wrong)


def test_every_slice_that_is_corrected_was_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_slice_wrong(monkeypatch)
    image = write_series(tmp_path / "in", (*range(12), 13))
    assert "007.dcm: 1 pixels differ" in refused(image, tmp_path, gap="interpolate")


def test_a_slice_of_each_pixel_format_is_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(k: int, dataset: Any) -> None:
        dataset.PixelRepresentation = int(k != 1)

    second_slice_wrong(monkeypatch)
    image = write_series(tmp_path / "in", range(12), change=change)
    assert "007.dcm: 1 pixels differ" in refused(image, tmp_path)
