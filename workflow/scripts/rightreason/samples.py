"""Prepared images as samples of a network: read once, kept as bytes, made floats on the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from rightreason.errors import InputError
from rightreason.images import load
from rightreason.inputs import InputRecord, to_samples


@dataclass(frozen=True)
class CaseSamples:
    """What one case gives a network.

    Attributes
    ----------
    pixels : (samples, channels, [Z,] Y, X) tensor of uint8
        As `inputs.to_samples` returns them.
    record : InputRecord
        Geometry of the prepared image.
    """

    pixels: torch.Tensor
    record: InputRecord


@dataclass(frozen=True)
class Samples:
    """The samples of many cases, one after another.

    Attributes
    ----------
    cases : tuple of str
        The cases, in order.
    pixels : (samples, channels, [Z,] Y, X) tensor of uint8
        All samples; those of a case lie together.
    owner : (samples,) tensor of int64
        Index into `cases`.
    """

    cases: tuple[str, ...]
    pixels: torch.Tensor
    owner: torch.Tensor


def record_path(image: Path | str) -> Path:
    """Return where the geometry of a prepared image lies: beside it, same stem."""
    path = Path(image)
    return path.with_name(path.name.removesuffix(".nii.gz") + ".json")


def load_case(image: Path | str) -> CaseSamples:
    """Read one prepared image.

    Raises
    ------
    InputError
        When the image is unreadable, or not the one its record describes.
    """
    record = InputRecord.read(record_path(image))
    volume = load(image)
    if volume.data.dtype != "uint8" or volume.grid.difference(record.grid):
        raise InputError(
            f"{image} is not the image that {record_path(image).name} describes: expected uint8 of "
            f"shape {record.shape}, found {volume.data.dtype} of shape {volume.data.shape}. "
            "Prepare the case again."
        )
    return CaseSamples(torch.from_numpy(to_samples(volume.data, record)), record)


def load_cases(images: Mapping[str, Path]) -> Samples:
    """Read the prepared images of many cases into memory, in the mapping's order.

    Raises
    ------
    InputError
        When the cases' samples differ in shape, naming each that differs from the first.
    """
    counts = [_sample_count(InputRecord.read(record_path(path))) for path in images.values()]
    cases, whole, odd = tuple(images), torch.empty(0), []
    start = 0
    # Copied into place one by one: of a large cohort, there is no room for the images twice.
    for case, count in zip(cases, counts, strict=True):
        pixels = load_case(images[case]).pixels
        if case == cases[0]:
            whole = torch.empty((sum(counts), *pixels.shape[1:]), dtype=pixels.dtype)
        if pixels.shape[1:] == whole.shape[1:]:
            whole[start : start + count] = pixels
        else:
            odd.append(f"{case}: {tuple(pixels.shape[1:])}")
        start += count
    if odd:
        raise InputError.of(
            f"The prepared images of one model must have one shape; {cases[0]} has "
            f"{tuple(whole.shape[1:])} (channels and size). Prepare these again:",
            odd,
        )
    owner = torch.repeat_interleave(torch.arange(len(cases)), torch.tensor(counts))
    return Samples(cases, whole, owner)


def _sample_count(record: InputRecord) -> int:
    """Return how many samples `inputs.to_samples` makes of an image."""
    return len(record.slices) if record.kind == "slices" else 1


def in_channels(pixels: torch.Tensor, channels: int | None) -> int:
    """Return the number of channels that the network gets.

    `channels` None means those of the input; a one-channel input may be repeated (3, for ImageNet
    weights).

    Raises
    ------
    InputError
        When the input has several channels and another number is asked for.
    """
    given = int(pixels.shape[1])
    if channels is None or channels == given or given == 1:
        return channels or given
    raise InputError(
        f"The model asks for {channels} channels and its input has {given}: only a one-channel "
        "input can be repeated. Set the model's `channels` to null, or change the number of slices."
    )


def to_input(pixels: torch.Tensor, channels: int) -> torch.Tensor:
    """Turn bytes into a network's input, on the device where they are.

    Parameters
    ----------
    pixels : (N, C, [Z,] Y, X) tensor of uint8
        0 is the lower end of the window, 255 the upper.
    channels : int
        As `in_channels` returns it.

    Returns
    -------
    (N, channels, [Z,] Y, X) tensor of float32
        x / 127.5 - 1, from -1 to 1: fixed numbers, no statistic of any cohort. In channels-last
        memory, which convolutions prefer.
    """
    x = pixels.to(torch.float32).div_(127.5).sub_(1.0)
    if x.shape[1] != channels:
        x = x.expand(-1, channels, *x.shape[2:])
    return x.contiguous(memory_format=memory_format(x.ndim))


def memory_format(ndim: int) -> torch.memory_format:
    """Return the channels-last format for (N, C, Y, X) or (N, C, Z, Y, X)."""
    return torch.channels_last if ndim == 4 else torch.channels_last_3d
