"""Keys that stand twice in a config."""

from pathlib import Path

import pytest
from rightreason import config_files
from rightreason.errors import InputError

from tests.sentences import sentence

ROOT = Path(__file__).parents[2]


def test_every_key_that_stands_twice_is_named_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(
        "train:\n  folds: 5\nmodels:\n  a: {input: slices, epochs: 1, epochs: 2}\n"
        "external_sites: [B]\ntrain:\n  seeds: 2\n"
    )
    with pytest.raises(InputError) as refused:
        config_files.check([path])
    _heading, *problems = str(refused.value).splitlines()
    assert [problem.partition(" already")[0] for problem in problems] == [
        f"  - {path}, line 4: models.a.epochs stands in line 4",
        f"  - {path}, line 6: train stands in line 1",
    ]


def test_one_key_in_several_places_is_none_that_stands_twice(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("a: &one {size: 1}\nb: *one\nc: [{size: 1}, {size: 2}]\nsize: 3\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    (tmp_path / "tabs.json").write_text('{\n\t"a": 1\n}\n')
    paths = [path, tmp_path / "empty.yaml", tmp_path / "tabs.json"]
    assert sentence(config_files.check, paths) == ""


def test_aliases_that_stand_for_millions_are_gone_through_once(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    path.write_text("\n".join(lines) + "\n")
    assert sentence(config_files.check, [path]) == ""


def test_the_ready_made_configs() -> None:
    paths = sorted((ROOT / "config").rglob("*.yaml"))
    assert len(paths) >= 3
    assert sentence(config_files.check, paths) == ""
