"""The scripts of the page: our own in one, NiiVue packed, and what the browser may run of them.

The page runs no other script: its policy names ours and NiiVue by their hashes, and a case's file
is loaded by ours (`strict-dynamic`). Nothing else is fetched, from nowhere.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "words", "volume", "colours", "outline", "pictures", "viewer", "case_data", "case_facts",
    "read_out", "case_view", "case_controls", "case_keys", "case_address", "cases_table",
)  # fmt: skip
"""Files of `templates/scripts`, in the order in which the page runs them."""
NIIVUE = HERE / "vendor" / "niivue" / "niivue.umd.js"


@dataclass(frozen=True)
class PageScripts:
    """What the page runs.

    Attributes
    ----------
    ours : str
        The page's own script.
    niivue : str
        NiiVue, gzip in base64: it is unpacked and run when the first case is opened, so that it
        costs no time before, and half the room.
    policy : str
        The content security policy that allows these two and what they need.
    """

    ours: str
    niivue: str
    policy: str


def page_scripts() -> PageScripts:
    """Read and join the page's scripts, and allow them by their hashes."""
    parts = [
        (HERE / "templates" / "scripts" / f"{name}.js").read_text(encoding="utf-8")
        for name in SCRIPTS
    ]
    ours = "\n".join(['(() => {\n"use strict";', *parts, "})();"])
    viewer = NIIVUE.read_bytes()
    allowed = f"'{_hash(ours.encode())}' '{_hash(viewer)}' 'strict-dynamic'"
    policy = "; ".join([
        "default-src 'none'", f"script-src {allowed}", "style-src 'unsafe-inline'",
        "img-src data: blob:", "font-src data:", "base-uri 'none'", "form-action 'none'",
    ])  # fmt: skip
    packed = base64.b64encode(gzip.compress(viewer, 9, mtime=0)).decode()
    return PageScripts(ours, packed, policy)


def _hash(script: bytes) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode()
