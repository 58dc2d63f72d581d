"""The versions in pyproject.toml, envs/*.yaml and the lock are one."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


def pins(requirements: list[str]) -> dict[str, str]:
    found = dict(requirement.split("==") for requirement in requirements)
    return {re.sub("[-_.]+", "-", name).lower(): version for name, version in found.items()}


def project() -> dict[str, str]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return pins(table["dependencies"] + table["optional-dependencies"]["dev"])


def lock() -> dict[str, str]:
    return pins((ROOT / "envs" / "requirements.lock").read_text().split())


def test_the_lock_has_every_version_of_the_project() -> None:
    locked = lock()
    assert {name: locked.get(name) for name in project()} == project()
    assert locked["torch"] == "2.13.0"


def test_nothing_pulls_torchvision_or_the_other_lightning_in() -> None:
    assert not {"torchvision", "timm", "lightning", "torchaudio"} & set(lock())
    assert not [name for name in lock() if name.startswith("nvidia")]


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_environments_have_the_projects_versions(path: Path) -> None:
    environment = yaml.safe_load(path.read_text())
    python, installer, listed = environment["dependencies"]
    assert (python, installer) == ("python=3.11", "pip")
    assert pins(listed["pip"]).items() <= project().items()


def test_every_environment_is_used_and_every_used_one_is_there() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    assert set(re.findall(r"envs/(\w+)\.yaml", rules)) == {path.stem for path in ENVIRONMENTS}
