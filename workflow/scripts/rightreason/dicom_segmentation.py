"""Annotations as DICOM segmentations (SEG), through highdicom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.codestreams import check_frames
from rightreason.ct_record import CtRecord, Vector
from rightreason.dicom_annotations import items, read_dataset, uids
from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.marked_planes import MarkedPlane, OffSlicesError, stack_planes
from rightreason.provenance import DrawnPlane, Provenance, check_provenance
from rightreason.roi_choice import choose_rois
from rightreason.unpacking import MOST_BYTES, MOST_TOLD

_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
_IMAGES = ("DerivationImageSequence", "SourceImageSequence")


@dataclass(frozen=True)
class Frame:
    """One frame: where its first pixel lies and its steps (RAS+ mm), what it was drawn on."""

    number: int
    segment: int | None
    origin: Vector
    column_mm: Vector
    row_mm: Vector
    instances: Sequence[str]


def read_segmentation(
    path: Path, roi: str | None, ct: CtRecord, threshold: float, max_volume_change: float
) -> Volume:
    """Read a DICOM SEG: binary, fractional or label map; segments may overlap.

    A SEG that was drawn on the CT's own slices is placed frame by frame: a frame marks its slice,
    however many empty frames were left out beside it. Another one is read as a regular volume, or,
    where it is none, frame by frame on the slices it lies on.

    Parameters
    ----------
    path : path
        The file.
    roi : str or None
        A segment's label or number; None takes all.
    ct : CtRecord
        The CT.
    threshold : float
        From which fraction on a fractional SEG marks a voxel.
    max_volume_change : float
        Largest accepted change of the volume when frames are resampled.

    Raises
    ------
    InputError
        When it cannot be read or placed, belongs to another study (see `check_provenance`), or has
        no such segment.
    """
    from highdicom.seg import Segmentation

    try:
        dataset = read_dataset(path)
    except Exception as error:
        raise _unreadable(path, error) from error
    check_frames(dataset, path.name)
    try:
        seg: Any = Segmentation.from_dataset(dataset, copy=False)
        rois = [(int(s.SegmentNumber), str(s.SegmentLabel)) for s in seg.SegmentSequence]
        frames = _frames(seg)
        said, drawn_here = _provenance(seg, frames, ct), _drawn_here(seg, frames, ct)
    except Exception as error:
        raise _unreadable(path, error) from error
    numbers = [rois[i][0] for i in choose_rois(roi, rois, path.name)]
    # Number 0 of a label map is its background.
    numbers = [number for number in numbers if number or roi is not None]
    check_provenance(said, ct, path.name)
    if drawn_here:
        try:
            planes = _planes(path, seg, frames, numbers, threshold)
            return stack_planes(planes, ct, path.name, max_volume_change, strict=True)
        except OffSlicesError:
            pass
    volume = _regular(path, seg, numbers, threshold)
    if volume is not None:
        return volume
    planes = _planes(path, seg, frames, numbers, threshold)
    return stack_planes(planes, ct, path.name, max_volume_change)


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path.name} cannot be read as DICOM SEG ({type(error).__name__}).")


def _frames(seg: Any) -> list[Frame]:
    """Read where each frame lies; what a frame does not say itself, all frames share."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    frames = []
    for number, own in enumerate(seg.PerFrameFunctionalGroupsSequence, start=1):

        def group(keyword: str, own: Any = own) -> Any:
            return (own.get(keyword) or shared.get(keyword) or [{}])[0]

        spacing = [float(mm) for mm in group("PixelMeasuresSequence").PixelSpacing]
        cosines = (
            np.array(
                group("PlaneOrientationSequence").ImageOrientationPatient, dtype=float
            ).reshape(2, 3)
            * _LPS_TO_RAS
        )
        position = np.array(group("PlanePositionSequence").ImagePositionPatient, dtype=float)
        segment = group("SegmentIdentificationSequence").get("ReferencedSegmentNumber")
        images = [*items(own, *_IMAGES), *items(shared, *_IMAGES)]
        frames.append(
            Frame(
                number,
                None if segment is None else int(segment),
                position * _LPS_TO_RAS,
                cosines[0] * spacing[1],
                cosines[1] * spacing[0],
                uids(images, "ReferencedSOPInstanceUID"),
            )
        )
    return frames


def _provenance(seg: Any, frames: Sequence[Frame], ct: CtRecord) -> Provenance:
    instances = ("ReferencedSeriesSequence", "ReferencedInstanceSequence")
    return Provenance(
        frame=str(seg.get("FrameOfReferenceUID") or ""),
        studies=uids([seg], "StudyInstanceUID"),
        planes=[DrawnPlane(f"frame {f.number}", ct.place(f.origin), f.instances) for f in frames],
        instances=uids(items(seg, *instances), "ReferencedSOPInstanceUID"),
    )


def _drawn_here(seg: Any, frames: Sequence[Frame], ct: CtRecord) -> bool:
    """Say whether each frame marks one acquired slice, and not the thicker slab of its own grid."""
    if ct.stack is None:
        return False
    if not ct.stack.even:
        return True
    measures: Any = next(items(seg, "SharedFunctionalGroupsSequence", "PixelMeasuresSequence"), {})
    own_step = abs(float(measures.get("SpacingBetweenSlices") or 0))
    named = {ct.digest(uid) for frame in frames for uid in frame.instances}
    return bool(named & set(ct.instances) - {None}) and (
        own_step <= 1.5 * ct.grid.spacing_mm[ct.slice_axis]
    )


def _planes(
    path: Path, seg: Any, frames: Sequence[Frame], numbers: Sequence[int], threshold: float
) -> list[MarkedPlane]:
    """Unite the chosen segments' frames of each plane."""
    planes: dict[tuple[float, ...], MarkedPlane] = {}
    for frame in frames:
        if frame.segment is not None and frame.segment not in numbers:
            continue
        try:
            stored = seg.get_stored_frame(frame.number).T
        except Exception as error:
            raise InputError(
                f"{path.name}: frame {frame.number} cannot be decoded ({type(error).__name__})."
            ) from error
        mask = np.isin(stored, numbers) if frame.segment is None else _marked(
            seg, stored.astype(np.float32) / int(seg.get("MaximumFractionalValue") or 1), threshold
        )  # fmt: skip
        plane = MarkedPlane(
            f"frame {frame.number}", mask, frame.origin, frame.column_mm, frame.row_mm
        )
        where = tuple(np.round([frame.origin, frame.column_mm, frame.row_mm], 2).ravel())
        if where in planes:
            plane = replace(planes[where], mask=planes[where].mask | mask)
        planes[where] = plane
    return list(planes.values())


def _regular(path: Path, seg: Any, numbers: Sequence[int], threshold: float) -> Volume | None:
    """Read the chosen segments, one after another, as a volume; None where it is no regular one."""
    united: Any = None
    affine: Any = None
    try:
        shape = seg.get_volume_geometry().spatial_shape
    except Exception:
        return None
    if math.prod(shape) > MOST_BYTES:
        raise InputError(
            f"{path.name} has frames so far apart that a volume which holds them has "
            f"{' x '.join(map(str, shape))} voxels; more than the {MOST_TOLD} of the largest CT."
        )
    for number in numbers:
        try:
            volume = seg.get_volume(segment_numbers=[number], combine_segments=False)
        except Exception:
            return None
        marked = _marked(seg, volume.array[..., 0], threshold)
        if united is not None and united.shape != marked.shape:
            return None
        united = marked if united is None else united | marked
        affine = np.diag([*_LPS_TO_RAS, 1.0]) @ volume.affine
    if united is None:
        raise InputError(f"{path.name} holds no segment but the background.")
    return Volume(united, Grid((united.shape[0], united.shape[1], united.shape[2]), affine))


def _marked(seg: Any, values: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
    if seg.get("SegmentationType") == "FRACTIONAL":
        return np.asarray(values >= np.float32(threshold))
    return np.asarray(values > 0)
