from __future__ import annotations

import base64
import gzip
import hashlib
import re

from rightreason.page_scripts import NIIVUE, SCRIPTS, page_scripts

from tests.runs import ROOT

SCRIPTS_AT = ROOT / "workflow/scripts/rightreason/templates/scripts"


def test_niivue_is_the_file_whose_checksum_is_recorded():
    checksum, name = NIIVUE.with_name("niivue.umd.js.sha256").read_text().split()
    assert name == NIIVUE.name
    assert hashlib.sha256(NIIVUE.read_bytes()).hexdigest() == checksum
    assert "Copyright (c) 2021, Niivue" in NIIVUE.with_name("LICENSE").read_text()
    assert "0.69.0" in NIIVUE.with_name("README.md").read_text()


def test_every_script_is_part_of_the_page():
    assert sorted(SCRIPTS) == sorted(path.stem for path in SCRIPTS_AT.glob("*.js"))


def test_the_policy_allows_these_scripts_and_nothing_from_a_network():
    scripts = page_scripts()
    assert gzip.decompress(base64.b64decode(scripts.niivue)) == NIIVUE.read_bytes()
    for script in (scripts.ours.encode(), NIIVUE.read_bytes()):
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        assert f"'sha256-{digest}'" in scripts.policy
    assert "default-src 'none'" in scripts.policy
    for never in ("http", "unsafe-eval", "connect-src", "*", "'self'"):
        assert never not in scripts.policy
    assert re.search(r"script-src [^;]*unsafe-inline", scripts.policy) is None


def test_nothing_in_the_scripts_ends_the_element_that_holds_them():
    ours = page_scripts().ours
    assert "</script" not in ours.lower()
    assert "<!--" not in ours


def test_scripts_say_nothing_of_their_own():
    # What a reader sees comes from the page's JSON, where it can be translated.
    for path in SCRIPTS_AT.glob("*.js"):
        code = re.sub(r"^\s*(//|\*|/\*).*$|//.*$", "", path.read_text(), flags=re.MULTILINE)
        said = re.findall(r"\.(?:textContent|title|ariaLabel) = [\"'](\w[^\"']*)[\"']", code)
        assert said == []
        assert set(re.findall(r"say\(\"(\w+)\"", code)) <= set(sentence_keys())


def sentence_keys() -> list[str]:
    source = (ROOT / "workflow/scripts/rightreason/report_case_view.py").read_text()
    return re.findall(r"\"(\w+)\": _\(", source)
