"""Prepared images made by hand, small and quick, and a small network to train on them."""

from pathlib import Path

import numpy as np
from rightreason.images import save
from rightreason.inputs import InputRecord
from rightreason.whole import write_whole

AFFINE = np.diag([-2.0, -2.0, 4.0, 1.0])
SHAPE = (24, 20, 10)  # x, y, z: no two alike, so that exchanged axes show
SLICES = [1, 4, 6, 9]
MODEL = {
    "input": "slices", "network": "ResNet10", "weights": None, "channels": None,
    "options": {"block_inplanes": [4, 4, 8, 8], "no_max_pool": True, "conv1_t_size": 3},
    "epochs": 3, "batch": 8, "learning_rate": 0.005, "slices_per_case": None,
}  # fmt: skip
SETTINGS = {
    "patience": 10, "precision": "32", "device": "cpu", "threads": 1, "weight_decay": 1e-4,
    "augment": True,
}  # fmt: skip


def write_case(
    folder: Path,
    case: str,
    kind: str,
    values: np.ndarray,
    slices: list[int] | None = None,
) -> Path:
    """Write one prepared image (X, Y, Z) and its record; return the image's path."""
    chosen = list(range(values.shape[2])) if kind == "volume" else list(slices or SLICES)
    record = InputRecord(
        kind=kind,
        shape=values.shape,
        affine=AFFINE.tolist(),
        ct_shape=values.shape,
        ct_affine=AFFINE.tolist(),
        box=[[0, size] for size in values.shape],
        ct_slice_axis=2,
        slices=chosen,
        ct_slices=[] if kind == "volume" else chosen,
    )
    save(folder / f"{case}.nii.gz", values, AFFINE, np.uint8)
    write_whole(folder / f"{case}.json", record.to_json())
    return folder / f"{case}.nii.gz"


def write_cohort(
    folder: Path, kind: str, cases: int = 12, seed: int = 0, shape: tuple[int, ...] = SHAPE
) -> tuple[dict[str, Path], dict[str, int]]:
    """Write noise, with a bright block somewhere in every other case; return paths and labels."""
    rng = np.random.default_rng(seed)
    images, labels = {}, {}
    for number in range(cases):
        case, label = f"c{number:02d}", number % 2
        values = rng.normal(90, 20, shape)
        if label:
            x, y = rng.integers(2, 12), rng.integers(2, 10)
            values[x : x + 8, y : y + 8] += 90
        images[case] = write_case(folder, case, kind, values.clip(0, 255).round())
        labels[case] = label
    return images, labels
