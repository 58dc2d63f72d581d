"""UIDs as digests: enough to tell whether two files belong together, and no more."""

from __future__ import annotations

import hashlib


def uid_digest(case: str, uid: str) -> str | None:
    """Return 16 hexadecimal digits that stand for a UID within one case; None for an empty UID.

    Salted with the case's id, so that records of different cases or studies cannot be joined by it.
    """
    uid = uid.strip().rstrip("\0")
    return hashlib.sha256(f"{case}\n{uid}".encode()).hexdigest()[:16] if uid else None
