"""LIDC XML: sessions, rims, exclusions, marks, provenance, and hostile files."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rightreason.ct_record import CtRecord
from rightreason.errors import InputError
from rightreason.images import Grid
from rightreason.lidc_messages import read_message
from rightreason.lidc_xml import read_lidc
from rightreason.mask_placement import place

from tests.ct_records import read_ct
from tests.dicom_files import COLUMN_SPACING, ORIGIN, ROW_SPACING, STEP, ct_slice

STUDY, SERIES = "1.2.3.7", "1.2.3.8"
COLUMNS, ROWS, SLICES = 12, 10, 6


@pytest.fixture
def ct(tmp_path: Path) -> CtRecord:
    """12 x 10 pixels, six slices; the volume's rows run from back to front."""
    affine = np.diag([-COLUMN_SPACING, ROW_SPACING, STEP, 1.0])
    affine[:3, 3] = -ORIGIN[0], -ORIGIN[1] - (ROWS - 1) * ROW_SPACING, ORIGIN[2]
    slices = [ct_slice(k, Columns=COLUMNS, Rows=ROWS) for k in range(SLICES)]
    return read_ct(tmp_path, slices, Grid((COLUMNS, ROWS, SLICES), affine))


def ring(low: int, high: int) -> list[tuple[int, int]]:
    """The pixels of a square's border, one after another, back to the first."""
    side = range(low, high)
    return [
        *((x, low) for x in side), *((high, y) for y in side),
        *((x, high) for x in reversed(range(low + 1, high + 1))),
        *((low, y) for y in reversed(range(low, high + 1))),
    ]  # fmt: skip


def outline(
    k: int,
    points: list[tuple[int, int]],
    included: str = "TRUE",
    z: float | None = None,
    uid: str | None = None,
) -> str:
    edges = "".join(
        f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in points
    )
    return (
        f"<roi><imageZposition>{ORIGIN[2] + STEP * k if z is None else z} </imageZposition>"
        f"<imageSOP_UID>{f'1.2.3.9.{k + 1}' if uid is None else uid}</imageSOP_UID>"
        f"<inclusion>{included}</inclusion>{edges}</roi>"
    )


def nodule(name: str, *outlines: str) -> str:
    return (
        f"<unblindedReadNodule><noduleID>{name}</noduleID><characteristics><subtlety>5</subtlety>"
        f"</characteristics>{''.join(outlines)}</unblindedReadNodule>"
    )


NON_NODULE = (
    "<nonNodule><nonNoduleID>none 1</nonNoduleID><imageZposition>100</imageZposition>"
    "<imageSOP_UID>1.2.3.9.1</imageSOP_UID><locus><xCoord>3</xCoord><yCoord>3</yCoord></locus>"
    "</nonNodule>"
)


def write(
    path: Path,
    *sessions: str,
    study: str = STUDY,
    series: str = SERIES,
    space: str = ' xmlns="http://www.nih.gov"',
) -> Path:
    read = "".join(f"<readingSession>{session}</readingSession>" for session in sessions)
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<LidcReadMessage{space}><ResponseHeader>'
        f"<SeriesInstanceUid>{series}</SeriesInstanceUid>"
        f"<StudyInstanceUID>{study}</StudyInstanceUID></ResponseHeader>{read}</LidcReadMessage>"
    )
    return path


def read(
    file: Path, ct: CtRecord, rater: str = "1", roi: str | None = None, clip: bool = False
) -> dict[int, list[tuple[int, int]]]:
    """Return the marked (column, row) of the DICOM slices, by slice."""
    volume = read_lidc(file, rater, roi, ct, 0.05)
    mask = place(volume, ct.grid, file.name, 0.05, clip)
    found: dict[int, list[tuple[int, int]]] = {}
    for i, j, k in np.argwhere(mask).tolist():
        found.setdefault(k, []).append((i, ROWS - 1 - j))
    return {k: sorted(pixels) for k, pixels in found.items()}


def square(low: int, high: int) -> list[tuple[int, int]]:
    return [(c, r) for c in range(low, high + 1) for r in range(low, high + 1)]


@pytest.mark.parametrize("space", ["", ' xmlns="http://www.nih.gov"'])
def test_the_outline_itself_is_no_part_of_the_nodule(
    ct: CtRecord, tmp_path: Path, space: str
) -> None:
    file = write(tmp_path / "l.xml", nodule("n", outline(2, ring(2, 6))), space=space)
    assert read(file, ct) == {2: square(3, 5)}


def test_slanting_outlines(ct: CtRecord, tmp_path: Path) -> None:
    """A diamond around (5, 5): its corners and the pixels between them are its rim."""
    diamond = [(5, 2), (6, 3), (7, 4), (8, 5), (7, 6), (6, 7), (5, 8), (4, 7), (3, 6), (2, 5),
               (3, 4), (4, 3), (5, 2)]  # fmt: skip
    corners = [(5, 2), (8, 5), (5, 8), (2, 5), (5, 2)]
    inside = sorted((x, y) for x in range(12) for y in range(10) if abs(x - 5) + abs(y - 5) < 3)
    assert len(inside) == 13
    for points in (diamond, corners):
        file = write(tmp_path / "l.xml", nodule("n", outline(1, points)))
        assert read(file, ct) == {1: inside}


def test_what_is_excluded_is_cut_out(ct: CtRecord, tmp_path: Path) -> None:
    """Whatever the order; on its own slice only; its rim stays with the nodule."""
    hole = outline(2, ring(4, 6), "FALSE")
    parts = [outline(2, ring(1, 8)), outline(3, ring(1, 8))]
    for outlines in ([hole, *parts], [*parts, hole]):
        file = write(tmp_path / "l.xml", nodule("n", *outlines))
        assert read(file, ct) == {
            2: sorted(set(square(2, 7)) - {(5, 5)}),
            3: square(2, 7),
        }


def test_parts_of_one_slice_are_united(ct: CtRecord, tmp_path: Path) -> None:
    file = write(tmp_path / "l.xml", nodule("n", outline(2, ring(0, 5)), outline(2, ring(3, 8))))
    assert read(file, ct) == {2: sorted({*square(1, 4), *square(4, 7)})}


def test_each_session_is_a_rater(ct: CtRecord, tmp_path: Path) -> None:
    file = write(
        tmp_path / "l.xml",
        nodule("n", outline(1, ring(1, 4))),
        nodule("n", outline(2, ring(1, 4))) + NON_NODULE,
        "",
    )
    assert list(read(file, ct, "1")) == [1]
    assert list(read(file, ct, "reader2")) == [2]
    assert list(read(file, ct, "reader_02")) == [2]
    assert read(file, ct, "3") == {}
    for rater in ("smith", "0", "4", "2b"):
        with pytest.raises(InputError, match=f"holds 3 reading sessions, and the rater '{rater}'"):
            read(file, ct, rater)


def test_a_nodule_by_its_id(ct: CtRecord, tmp_path: Path) -> None:
    file = write(
        tmp_path / "l.xml",
        nodule("Nodule 001", outline(1, ring(1, 4)))
        + nodule("7", outline(2, ring(1, 4)))
        + nodule("point", outline(3, [(4, 4)])),
    )
    assert list(read(file, ct, roi="Nodule 001")) == [1]
    assert list(read(file, ct, roi="7")) == [2]
    assert list(read(file, ct)) == [1, 2]
    with pytest.raises(InputError) as caught:
        read(file, ct, roi="1")
    assert "l.xml has no region '1'; it has: Nodule 001, 7, point." in str(caught.value)
    with pytest.raises(InputError, match="point is a mark of a single point"):
        read(file, ct, roi="point")


def test_single_points_are_no_region(
    ct: CtRecord, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = write(
        tmp_path / "l.xml",
        nodule("a", outline(1, [(4, 4)])) + nodule("b", outline(2, [(5, 5)])) + NON_NODULE,
    )
    assert read(file, ct) == {}
    assert "l.xml, rater 1: 2 marks of a single point left out" in caplog.messages


def test_slices_beyond_the_image(ct: CtRecord, tmp_path: Path) -> None:
    """Slice 8 of the scan; the image ends with slice 5."""
    file = write(tmp_path / "l.xml", nodule("n", outline(5, ring(1, 4)), outline(8, ring(1, 8))))
    with pytest.raises(InputError, match=r"90 % of the mask \(324 of 360 mm3\) lies outside"):
        read(file, ct)
    assert read(file, ct, clip=True) == {5: square(2, 3)}


def test_a_slice_must_lie_at_its_z(ct: CtRecord, tmp_path: Path) -> None:
    file = write(tmp_path / "l.xml", nodule("n", outline(2, ring(1, 4), z=112.0)))
    with pytest.raises(InputError) as caught:
        read(file, ct)
    expected = (
        "l.xml: the outline at z = 112 mm says that it was drawn on slice 3 of the 6 slices of "
        "the CT, but lies 6.0 mm off it."
    )
    assert expected in str(caught.value)
    near = write(tmp_path / "n.xml", nodule("n", outline(2, ring(1, 4), z=106.4)))
    assert list(read(near, ct)) == [2]


def test_slices_of_another_name_go_by_z(ct: CtRecord, tmp_path: Path) -> None:
    """The same study under other instance UIDs, as anonymised anew."""
    file = write(tmp_path / "l.xml", nodule("n", outline(2, ring(1, 4), uid="9.9")))
    assert list(read(file, ct)) == [2]
    between = write(tmp_path / "b.xml", nodule("n", outline(2, ring(1, 4), z=107.5, uid="9.9")))
    with pytest.raises(InputError, match=r"the outline at z = 107\.5 mm lies between the slices"):
        read(between, ct)


def test_another_study(ct: CtRecord, tmp_path: Path) -> None:
    body = nodule("n", outline(2, ring(1, 4), uid="9.9"))
    file = write(tmp_path / "l.xml", body, study="9.8", series="9.7")
    with pytest.raises(InputError, match=r"l\.xml belongs to another study") as caught:
        read(file, ct)
    assert not {"9.7", "9.8", "9.9"} & set(str(caught.value).split())
    for study, series in ((STUDY, "9.7"), ("9.8", SERIES)):
        assert list(read(write(tmp_path / "l.xml", body, study=study, series=series), ct)) == [2]
    # A mark of what is no nodule names a slice, too.
    assert list(read(write(tmp_path / "l.xml", body + NON_NODULE, study="9.8"), ct)) == [2]


def test_a_nifti_image_has_no_pixels_of_dicom(ct: CtRecord, tmp_path: Path) -> None:
    nifti = replace(ct, plane=None, origins=np.zeros((0, 3)), instances=())
    file = write(tmp_path / "l.xml", nodule("n", outline(2, ring(1, 4))))
    with pytest.raises(InputError, match="the image of case a is no DICOM"):
        read(file, nifti)


def test_an_uneven_stack(tmp_path: Path) -> None:
    """Slices at 0, 3, 6, 12 mm; the volume's slice 3 takes the lower, 4 (12 mm) its own."""
    affine = np.diag([-COLUMN_SPACING, ROW_SPACING, STEP, 1.0])
    affine[:3, 3] = -ORIGIN[0], -ORIGIN[1] - (ROWS - 1) * ROW_SPACING, ORIGIN[2]
    heights = [0, 3, 6, 12]
    slices = [
        ct_slice(k, Columns=COLUMNS, Rows=ROWS,
                 ImagePositionPatient=[*ORIGIN[:2], ORIGIN[2] + z])
        for k, z in enumerate(heights)
    ]  # fmt: skip
    uneven = read_ct(tmp_path, slices, Grid((COLUMNS, ROWS, 5), affine))
    file = write(
        tmp_path / "l.xml",
        nodule("n", outline(2, ring(1, 4)), outline(3, ring(1, 5), z=ORIGIN[2] + 12)),
    )
    assert read(file, uneven) == {2: square(2, 3), 3: square(2, 3), 4: square(2, 4)}


BOMB = (
    '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<LidcReadMessage>&b;</LidcReadMessage>"
)
HOSTILE = {
    "entities": (BOMB.encode(), "declares a document type"),
    "entities, UTF-16": (BOMB.encode("utf-16"), "declares a document type"),
    "a file of the machine": (
        b'<!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        b"<LidcReadMessage>&f;</LidcReadMessage>",
        "declares a document type",
    ),
    "a document type": (b'<!DOCTYPE l SYSTEM "http://x/y.dtd"><LidcReadMessage/>', "declares a"),
    "cut": (b"<LidcReadMessage><readingSession>", "damaged"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="x-odd"?><LidcReadMessage/>', "damaged"),
    "no session": (b"<LidcReadMessage/>", "holds no reading session"),
    "another kind": (b"<IdriReadMessage/>", r"XML of another kind \(IdriReadMessage\)"),
    "not text": (b"<\xff\xfe\x00\x00", "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(tmp_path: Path, name: str) -> None:
    content, problem = HOSTILE[name]
    (tmp_path / "x.xml").write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_message(tmp_path / "x.xml")


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.xml").open("wb") as file:
        file.write(b"<LidcReadMessage>")
        file.truncate(40 << 20)
    with pytest.raises(InputError, match="larger than 32 MB"):
        read_message(tmp_path / "x.xml")


def test_nesting_without_end(tmp_path: Path) -> None:
    depth = 200_000
    (tmp_path / "x.xml").write_text(
        "<LidcReadMessage>" + "<a>" * depth + "</a>" * depth + "</LidcReadMessage>"
    )
    with pytest.raises(InputError, match="holds no reading session"):
        read_message(tmp_path / "x.xml")


DAMAGED = {
    "no number": outline(2, ring(1, 4)).replace("<xCoord>1<", "<xCoord>one<", 1),
    "no z": outline(2, ring(1, 4)).replace("imageZposition", "imageYposition"),
    "no finite z": outline(2, ring(1, 4), z=float("nan")),
    "no points": outline(2, []),
    "neither in nor out": outline(2, ring(1, 4), "MAYBE"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_outlines(ct: CtRecord, tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "l.xml", nodule("n", DAMAGED[name]))
    with pytest.raises(InputError, match=r"l\.xml is damaged: "):
        read(file, ct)


@pytest.mark.parametrize("x", [-1, COLUMNS, 10**30, -(10**30)])
def test_outlines_beyond_the_pixels(ct: CtRecord, tmp_path: Path, x: int) -> None:
    file = write(tmp_path / "l.xml", nodule("n", outline(2, [(1, 1), (x, 1), (4, 4), (1, 1)])))
    with pytest.raises(InputError, match="leaves the 12 x 10 pixels"):
        read(file, ct)


def test_a_slice_at_the_end_of_the_world(ct: CtRecord, tmp_path: Path) -> None:
    parts = [outline(2, ring(1, 4)), outline(2, ring(1, 4), z=1e12, uid="9.9")]
    file = write(tmp_path / "l.xml", nodule("n", *parts))
    with pytest.raises(InputError, match="reaches far outside the image"):
        read(file, ct)
