"""CAM maps of cases in turns with forward passes alone, and the whole stage with its files."""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from rightreason.algorithms import CAM_ALGORITHMS
from rightreason.committee import inputs
from rightreason.config import Config
from rightreason.explain import explain, target_layers
from rightreason.images import save
from rightreason.inputs import InputRecord
from rightreason.predict import predict_cases
from rightreason.saliency import explain_cases
from rightreason.samples import in_channels
from rightreason.threshold_table import COLUMNS
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole
from torch import nn

from benchmarks.gpu_study import TURNS, WARM_UP, Found, Size, made_up, now, timed
from benchmarks.peak_memory import peak_memory

AFFINE = np.diag([-2.0, -2.0, 4.0, 1.0])
MORE = 3  # The stage runs on this many times the cases too: the difference has no start-up.


def measure_saliency(
    found: Found, config: Config, model: dict[str, Any], network: nn.Module, device: torch.device
) -> None:
    """Make the maps of all CAM methods of the config, as their one job does."""
    saliency = config.section("saliency")
    methods = {n: m for n, m in saliency["methods"].items() if m["algorithm"] in CAM_ALGORITHMS}
    network = network.to(device).eval().requires_grad_(False)
    _measure_maps(found, model, methods, saliency["batch"], network, device)
    with TemporaryDirectory() as name:
        folder, size = Path(name), Size.of(device)
        torch.save(network.state_dict(), folder / "weights.ckpt")
        few, many = (
            _stage_s(folder / str(cases), cases, found, config, model, methods, device)
            for cases in (size.cases, MORE * size.cases)
        )
    found.stage_s = (many - few) / ((MORE - 1) * size.cases)


def _measure_maps(
    found: Found,
    model: dict[str, Any],
    methods: dict[str, Any],
    batch: int,
    network: nn.Module,
    device: torch.device,
) -> None:
    pixels = made_up(1, found.shape, found.each).pixels.to(device)
    channels = in_channels(pixels, model["channels"])
    layers = target_layers(network, pixels[:1], channels, model, methods)
    ready = list(inputs(pixels, channels, batch))

    def maps() -> None:
        explain([[network]], pixels, channels, methods, layers, 1, batch)

    def forward() -> None:
        with torch.inference_mode():
            for x in ready:
                network(x)

    times: dict[str, list[float]] = {"maps": [], "forward": []}
    for turn in range(WARM_UP + 2 * TURNS):
        for name, body in (("maps", maps), ("forward", forward)):
            seconds = timed(device, Size.of(device).cases, body)
            if turn >= WARM_UP:
                times[name].append(seconds)
    found.maps_s = statistics.median(times["maps"])
    found.forward_s = statistics.median(times["forward"])


def _stage_s(
    folder: Path,
    cases: int,
    found: Found,
    config: Config,
    model: dict[str, Any],
    methods: dict[str, Any],
    device: torch.device,
) -> float:
    """Return the seconds of the whole stage, its predictions made before."""
    classes = sorted(config.classes, key=lambda name: name == config.positive)
    rows = [
        {"case": f"c{k}", "site": "A", "fold": 0, "label": classes[k % 2]} for k in range(cases)
    ]
    images = _prepared(folder / "prepare", [row["case"] for row in rows], model["input"], found)
    judges: Any = {0: [[folder.parent / "weights.ckpt"]]}
    settings = {
        **config.section("saliency"), "methods": methods, "target": "positive",
        "device": device.type, "threads": torch.get_num_threads(),
    }  # fmt: skip
    limits, predictions = folder / "thresholds.tsv", folder / "predictions.tsv"
    write_whole(limits, to_tsv(COLUMNS, [{"fold": 0, "threshold": 0.5}]))
    out = {"table": predictions, "seeds": folder / "seeds.tsv"}
    predict_cases(images, judges, rows, limits, classes, model, settings, out)
    maps = [folder / name for name in methods]
    with peak_memory(device) as peak:
        started = now(device)
        explain_cases(images, judges, rows, predictions, classes, model, settings, maps)
        took = now(device) - started
    found.stage_mb = max(found.stage_mb, peak.megabytes)
    return took


def _prepared(folder: Path, cases: list[str], kind: str, found: Found) -> dict[str, Path]:
    """Write prepared images that pack about as well as a CT: smooth, with some noise."""
    rng = np.random.default_rng(0)
    y, x = found.shape[-2:]
    z = found.shape[1] if kind == "volume" else found.shape[0] * found.each
    smooth = 100 + 80 * np.sin(np.linspace(0, 6, x))[:, None, None] * np.ones((x, y, z))
    images = {}
    for case in cases:
        images[case] = folder / f"{case}.nii.gz"
        values = (smooth + rng.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)
        save(images[case], values, AFFINE, np.uint8)
        slices = list(range(z))
        record = InputRecord(
            kind=kind, shape=(x, y, z), affine=AFFINE.tolist(), ct_shape=(x, y, z),
            ct_affine=AFFINE.tolist(), box=[[0, x], [0, y], [0, z]], ct_slice_axis=2,
            slices=slices, ct_slices=[] if kind == "volume" else slices,
        )  # fmt: skip
        write_whole(folder / f"{case}.json", record.to_json())
    return images
