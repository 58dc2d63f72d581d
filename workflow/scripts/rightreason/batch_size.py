"""How many samples a device takes at once, found out where it is full."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from rightreason.errors import InputError

T = TypeVar("T")
log = logging.getLogger(__name__)


class BatchSize:
    """Most samples at once; halved for good each time the device's memory is full.

    Parameters
    ----------
    size : int
        To begin with.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def fitting(self, case: str, make: Callable[[int], T]) -> T:
        """Return what `make` makes of a batch size, the first that the device takes.

        Parameters
        ----------
        case : str
            What is made anew when the device is full; for the log.
        make : callable
            Of the batch size; leaves nothing behind when it fails.

        Raises
        ------
        InputError
            When not even one sample fits.
        """
        while True:
            try:
                return make(self.size)
            except torch.OutOfMemoryError as error:
                full = str(error).split(". ")[0]
            # Only here, where the exception is gone, is what it held on the device free again.
            self._halve(case, full)

    def _halve(self, case: str, full: str) -> None:
        if self.size == 1:
            raise InputError(
                f"{case}: the device's memory does not hold the saliency of one sample ({full}). "
                "Use a device with more memory, `device: cpu`, or a smaller input."
            )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        log.warning(
            "%s: the device's memory is full with %d samples at once. From here on it is %d, and "
            "this case is done anew; set `saliency.batch` to that to save the attempt.",
            case, self.size, self.size // 2,
        )  # fmt: skip
        self.size //= 2
