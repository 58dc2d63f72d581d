"""What a machine is, and nothing that tells whose it is: no host, user or address."""

from __future__ import annotations

import os
import platform
from pathlib import Path

CPUS = Path("/proc/cpuinfo")


def processor() -> str:
    """Name the processor, as far as the system says."""
    if CPUS.is_file():
        for line in CPUS.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return " ".join(value.split())
    return platform.processor() or platform.machine()


def cores() -> int:
    """Count the processors that the system sees."""
    return os.cpu_count() or 1


def memory_gib() -> float:
    """Return the main memory in GiB; NaN where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, OSError, ValueError):
        return float("nan")


def system() -> str:
    """Name the operating system and its version."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (KeyError, OSError):
        name = f"{platform.system()} {platform.mac_ver()[0] or platform.release()}".strip()
    return f"{name}, {platform.machine()}"


def python() -> str:
    """Return the version of Python."""
    return platform.python_version()
