"""Damaged inputs end in a proved result or in a sentence (`make fuzz` tries far more of them)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from rightreason.errors import InputError

from tests.integration import fuzz
from tests.integration.fuzz import POLICIES, Trial, campaign, describe, prepare, run
from tests.integration.fuzz_damage import ANY_FILE, EDITS, SERIES, Damage
from tests.integration.fuzz_inputs import Source

pytestmark = pytest.mark.slow

RANDOM_INPUTS = 300
# None of the `make fuzz` runs so far begins here.
FIRST = 1_000_000


@pytest.fixture(scope="module")
def sources(real_ct: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    return prepare(real_ct, tmp_path_factory.mktemp("fuzz"))


def test_random_damage(sources: dict[str, Source], tmp_path: Path) -> None:
    numbers = range(FIRST, FIRST + RANDOM_INPUTS)
    results = campaign(numbers, sources, tmp_path, os.cpu_count() or 1)
    print(describe(results))
    assert len(results) == RANDOM_INPUTS
    assert [number for number, _, outcome in results if not outcome.good] == []


@pytest.mark.parametrize("name", ["small", "jpeg2000", "multi-frame", "tilted"])
def test_damage_that_hypothesis_chooses(
    sources: dict[str, Source], tmp_path: Path, name: str
) -> None:
    """Any edit, in any slice, beside any other damage; what fails is made as small as it can be."""
    damage = st.builds(
        Damage,
        kind=st.sampled_from(sorted({*ANY_FILE, *SERIES})),
        file=st.integers(0, 9),
        place=st.floats(0, 1, exclude_max=True),
        value=st.integers(0, 1 << 12),
    )

    @settings(
        max_examples=60, derandomize=True, deadline=None, database=None,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(damage, min_size=1, max_size=3), st.integers(0, len(POLICIES) - 1))
    def check(damages: list[Damage], policies: int) -> None:
        trial = Trial(name, None, tuple(damages), policies)
        outcome = run(trial, sources, tmp_path / "run")
        note(f"{outcome.ending}: {outcome.detail}")
        assert outcome.good, trial

    check()


@pytest.mark.parametrize("kind", ["edit", "edit all"])
@pytest.mark.parametrize("number", range(0, len(EDITS), 8))
def test_every_edit_of_a_header(
    sources: dict[str, Source], tmp_path: Path, kind: str, number: int
) -> None:
    for value in range(number, min(number + 8, len(EDITS))):
        trial = Trial("small", None, (Damage(kind, 2, 0.0, value),), value % 2)
        outcome = run(trial, sources, tmp_path / "run")
        assert outcome.good, (EDITS[value], outcome)


UNDAMAGED = Trial("small", None, (Damage("duplicate", 0, 0.0, 1),), 0)


def test_the_harness_sees_a_wrong_volume(
    sources: dict[str, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A converter that adds one HU to one voxel must not pass."""
    honest = fuzz.convert_case

    def wrong(*arguments: Any) -> None:
        honest(*arguments)
        made: Any = nib.load(arguments[3])
        data = np.asarray(made.dataobj).copy()
        data[3, 4, 2] += 1
        nib.save(nib.Nifti1Image(data, made.affine), arguments[3])

    assert run(UNDAMAGED, sources, tmp_path / "run").ending == "same"
    monkeypatch.setattr(fuzz, "convert_case", wrong)
    outcome = run(UNDAMAGED, sources, tmp_path / "run")
    assert outcome.ending == "wrong"
    assert "1 pixels differ" in outcome.detail


@pytest.mark.parametrize("kind", ["traceback", "memory", "hang", "left behind", "leak", "died"])
def test_the_harness_sees_what_is_no_sentence(
    sources: dict[str, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def failing(*arguments: Any) -> None:
        if kind == "traceback":
            raise KeyError("x")
        if kind == "memory":
            bytearray(2 * fuzz.LIMIT_BYTES)
        if kind == "hang":
            time.sleep(fuzz.LIMIT_S + 9)
        if kind == "left behind":
            arguments[4].write_text("{}")
        if kind == "died":
            os._exit(3)
        raise InputError("Case a: Yamada" if kind == "leak" else "Case a: there is no series.")

    monkeypatch.setattr(fuzz, "LIMIT_S", 1)
    monkeypatch.setattr(fuzz, "convert_case", failing)
    assert run(UNDAMAGED, sources, tmp_path / "run").ending == kind


def test_a_name_for_a_character_set_stays_with_the_file(
    sources: dict[str, Source], tmp_path: Path
) -> None:
    """Of JPEG 2000 two readers open a file; pydicom warns of such a set, and quotes it."""
    damage = Damage("foreign element", file=0, place=0.0, value=0)
    for name in ("small", "jpeg2000", "multi-frame"):
        outcome = run(Trial(name, None, (damage,), 0), sources, tmp_path / "run")
        assert outcome.ending == "same", (name, outcome)
