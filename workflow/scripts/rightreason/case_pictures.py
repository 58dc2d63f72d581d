"""Three pictures of one case side by side: the slice, the saliency over it, the votes over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from rightreason.case_slice import Slice
from rightreason.figures import Picture, picture, style
from rightreason.sentences import number
from rightreason.words import _

MIDGREY = "#595959"
ATTENDED_COLOUR = "#ff9d3b"
COLOURS = {"inferno": ("inferno", 0.15), "rainbow": ("jet", 0.0)}
"""The saliency's colour maps, as matplotlib names them, and where in them they start."""
VOTES_PART = (0.3, 0.8)
"""Of viridis: blue to green, without the yellow, which is the saliency's."""


def draw(
    found: Slice,
    window: tuple[float, float],
    letters: tuple[str, str],
    case: str,
    model: str,
    colours: str = "inferno",
) -> list[Picture]:
    """Draw the three pictures.

    Parameters
    ----------
    found : Slice
        From `take_slice`.
    window : pair of float
        HU shown as black and white.
    letters : pair of str
        Left and top edge, from `edge_letters`.
    case, model : str
        For the texts and the files' names.
    colours : str
        Of the saliency: a key of `COLOURS`.
    """
    texts = _texts(found, window, {
        "case": case, "model": model, "number": found.number, "count": found.count,
    })  # fmt: skip
    with style():
        return [
            _ct(found, window, letters, f"ct_{model}.{case}", texts[0]),
            _saliency(found, window, letters, colours, f"saliency_{model}.{case}", texts[1]),
            _votes(found, window, letters, f"votes_{model}.{case}", texts[2]),
        ]


def _texts(found: Slice, window: tuple[float, float], where: Mapping[str, Any]) -> list[str]:
    return [
        _(
            "CT slice: case {case}, model {model}, slice {number} of {count}, window {low} to "
            "{high} HU."
        ).format(low=number(window[0]), high=number(window[1]), **where),
        _(
            "Saliency over the CT slice: case {case}, model {model}, slice {number} of {count}; up "
            "to {here} here, {largest} in the whole map."
        ).format(
            here=f"{float(np.nan_to_num(found.saliency).max()):.2g}",
            largest=f"{found.largest:.2g}", **where,
        ),
        _(
            "Votes over the CT slice: case {case}, model {model}, slice {number} of {count}; "
            "{marked} pixels marked by at least one of {raters} raters, up to {most} at one place."
        ).format(
            marked=int((found.votes > 0).sum()), raters=found.raters,
            most=int(found.votes.max()), **where,
        ),
    ]  # fmt: skip


def _ct(
    found: Slice, window: tuple[float, float], letters: tuple[str, str], name: str, alt: str
) -> Picture:
    figure, _axes, bar, image = _base(found, window, letters)
    figure.colorbar(image, cax=bar, orientation="horizontal", ticks=[*window, sum(window) / 2])
    bar.set_xlabel(_("CT number in HU"))
    return picture(figure, name, alt, "png")


def _saliency(
    found: Slice,
    window: tuple[float, float],
    letters: tuple[str, str],
    colours: str,
    name: str,
    alt: str,
) -> Picture:
    figure, axes, bar, _image = _base(found, window, letters)
    over = axes.imshow(
        np.ma.masked_invalid(found.saliency), cmap=_fading(*COLOURS[colours]), vmin=0,
        vmax=found.largest or 1, aspect=found.aspect, interpolation="bilinear",
    )  # fmt: skip
    _outline(axes, found.votes > 0, "white")
    _outline(axes, np.isfinite(found.saliency), "#9adcff", "dashed")
    scale = figure.colorbar(over, cax=bar, orientation="horizontal")
    scale.set_ticks([0, found.largest / 2, found.largest])
    scale.set_ticklabels(["0", f"{found.largest / 2:.2g}", f"{found.largest:.2g}"])
    bar.set_xlabel(_("saliency, raw units of the method"))
    return picture(figure, name, alt, "png")


def _votes(
    found: Slice, window: tuple[float, float], letters: tuple[str, str], name: str, alt: str
) -> Picture:
    figure, axes, bar, _image = _base(found, window, letters)
    levels = found.raters + 1
    colours = mpl.colormaps["viridis"](np.linspace(*VOTES_PART, levels))
    colours[:, 3] = 0.65
    colours[0, 3] = 0
    over = axes.imshow(found.votes, cmap=ListedColormap(colours), aspect=found.aspect,
                       norm=BoundaryNorm(np.arange(levels + 1) - 0.5, levels),
                       interpolation="nearest")  # fmt: skip
    _outline(axes, found.attended, ATTENDED_COLOUR)
    figure.colorbar(over, cax=bar, orientation="horizontal", ticks=range(levels))
    bar.set_xlabel(_("votes: raters who marked it"))
    return picture(figure, name, alt, "png")


def _base(found: Slice, window: tuple[float, float], letters: tuple[str, str]) -> Any:
    """Start a picture: the CT slice, the letters of its edges, and room for a colour scale."""
    rows, columns = found.ct.shape
    tall = min(max(rows * found.aspect / columns, 0.3), 1.5)
    width = 3.1
    figure = Figure(figsize=(width, width * tall + 0.62))
    height = figure.get_size_inches()[1]
    axes = figure.add_axes((0, 0.62 / height, 1, 1 - 0.62 / height))
    bar = figure.add_axes((0.08, 0.42 / height, 0.84, 0.12 / height))
    bar.set_facecolor(MIDGREY)
    image = axes.imshow(found.ct, cmap="gray", vmin=window[0], vmax=window[1],
                        aspect=found.aspect)  # fmt: skip
    axes.set_facecolor("black")
    axes.set_axis_off()
    around: dict[str, Any] = {"color": "white", "fontsize": 9, "transform": axes.transAxes}
    around["path_effects"] = [withStroke(linewidth=2, foreground="black")]
    axes.text(0.02, 0.5, letters[0], ha="left", va="center", **around)
    axes.text(0.5, 0.98, letters[1], ha="center", va="top", **around)
    return figure, axes, bar, image


def _outline(axes: Any, mask: NDArray[np.bool_], colour: str, dash: str = "solid") -> None:
    if mask.any() and not mask.all():
        axes.contour(mask, levels=[0.5], colors=[colour], linewidths=0.9, linestyles=dash)


def _fading(name: str, start: float) -> Colormap:
    """Return a colour map that fades out towards its lower end."""
    colours = mpl.colormaps[name](np.linspace(start, 1, 256))
    colours[:, 3] = np.clip(np.linspace(0, 2, 256), 0, 0.7)
    return ListedColormap(colours)
