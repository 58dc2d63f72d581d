"""Which images are NIfTI: asked when the workflow is parsed, so of the path alone."""

from __future__ import annotations

from pathlib import Path


def is_nifti(image: Path) -> bool:
    """Say whether a case's image is a NIfTI file; a folder is DICOM, whatever its name."""
    return image.name.lower().endswith((".nii", ".nii.gz")) and not image.is_dir()
