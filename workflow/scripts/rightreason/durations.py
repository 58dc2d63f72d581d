"""Times as text, in units that need no translation."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Format a time with as much precision as one can use: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s" if seconds >= 0.05 else "0 s"
    whole = math.ceil(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
