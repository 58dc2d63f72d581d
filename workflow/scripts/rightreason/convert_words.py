"""What the records of `convert` say of files and corrections: messages the report can translate."""

from __future__ import annotations

from rightreason.marked_words import mark

LOCALIZER = mark("localizer")
LOCALIZER_FRAMES = mark("localizer frames of a volume")
NOT_DICOM = mark("not DICOM")
DIRECTORY = mark("directory of the medium")
OTHER_MODALITY = mark("modality {modality}, not CT")
UNCLEAR_MODALITY = mark("modality unclear, not CT")
SECONDARY_CAPTURE = mark("secondary capture")
NO_CT = mark("no CT image")
COLOUR = mark("colour picture")
UNPLACED = mark("CT slice without position, orientation or pixel spacing")
SINGLE = mark("single slice")
DERIVED = mark("derived series")
OTHER_RECONSTRUCTION = mark("another reconstruction")
OTHER_SERIES = mark("another series")
DUPLICATE = mark("byte-identical duplicate")
REPEATED = mark("repeated position")
SOME_FRAMES = mark("{reason} (some frames)")

LEFT_OUT = (
    LOCALIZER, LOCALIZER_FRAMES, NOT_DICOM, DIRECTORY, UNCLEAR_MODALITY, OTHER_MODALITY,
    SECONDARY_CAPTURE, NO_CT, COLOUR, UNPLACED, SINGLE, DERIVED, OTHER_RECONSTRUCTION, OTHER_SERIES,
    DUPLICATE, REPEATED, SOME_FRAMES,
)  # fmt: skip
"""Why files were left out."""

REWRITTEN = mark("rewritten: {reason}")
LOST_FILES = mark("dcm2niix left out files")
NO_VOLUME = mark("dcm2niix wrote no volume")
SEVERAL_VOLUMES = mark("dcm2niix made {n} volumes of the files as they are")
LEANING = mark("slices that dcm2niix does not place, upright")
FRAMES = mark("frames that dcm2niix does not place, as single slices")
ENCODING = mark("files that dcm2niix does not read, uncompressed")
INSTANCES = mark("instance numbers, missing or repeated, given anew")
POSITIONS = mark("slice positions, rounded by up to {most} mm, evened out")
LOSSY = mark("lossy encoding, which decoders round differently by one stored unit")
RESCALE = mark("rescale that differs between frames, which dcm2niix takes for one")
SIGN_MISSING = mark(
    "JPEG 2000 of {precision} bits without sign, which its header calls {bits} bits with"
)
SIGN_ADDED = mark(
    "JPEG 2000 of {precision} bits with sign, which its header calls {bits} bits without"
)
BITS_UNSIGNED = mark(
    "JPEG 2000 of {precision} bits without sign, which its header calls {bits} bits without"
)
BITS_SIGNED = mark(
    "JPEG 2000 of {precision} bits with sign, which its header calls {bits} bits with"
)
JPEG_2000 = {
    (False, True): SIGN_MISSING, (True, False): SIGN_ADDED,
    (False, False): BITS_UNSIGNED, (True, True): BITS_SIGNED,
}  # fmt: skip
"""How a codestream contradicts its header: by (signed, signed according to the header)."""

FIRST_TAKEN_ONCE = mark("repeated_position: first of {most} taken at 1 position")
FIRST_TAKEN = mark("repeated_position: first of {most} taken at {n} positions")
TILT_TAG = mark(
    "tilt: the header says {said} degrees, the slice positions {found}, and the positions were "
    "followed"
)
NO_TILT_TAG = mark(
    "tilt: the header says {said} degrees, the slice positions none, and the positions were "
    "followed"
)
TILT = mark("tilt: {degrees} degrees corrected, corners filled with {fill} HU")
ONE_GAP = mark("gap: 1 slice interpolated at {places} mm")
GAPS = mark("gap: {n} slices interpolated at {places} mm")
MORE_GAPS = mark("gap: {n} slices interpolated at {places} mm and {more} more")
UNEVEN = mark(
    "uneven_spacing: {n} slices {low} to {high} mm apart resampled to {count}, {step} mm apart"
)

CORRECTIONS = (
    REWRITTEN, LOST_FILES, NO_VOLUME, SEVERAL_VOLUMES, LEANING, FRAMES, ENCODING, INSTANCES,
    POSITIONS, LOSSY, RESCALE, *JPEG_2000.values(), FIRST_TAKEN_ONCE, FIRST_TAKEN, NO_TILT_TAG,
    TILT_TAG, TILT, ONE_GAP, MORE_GAPS, GAPS, UNEVEN,
)  # fmt: skip
"""What was done to a case's images."""
