"""The control that shows the point of it all, at the size of the embedded cohort."""

from pathlib import Path

import pytest

from tests.integration.control import control, describe, shortfalls
from tests.runs import ROOT


@pytest.mark.slow
def test_the_audit_finds_the_model_that_looks_at_the_shortcut(tmp_path: Path) -> None:
    result = control(tmp_path, ROOT / "tests" / "control.yaml")
    print(describe(*result))
    assert shortfalls(*result) == []
