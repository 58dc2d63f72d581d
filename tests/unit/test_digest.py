import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rightreason import digest
from rightreason.digest import SCRIPTS, code_digest, modules_of

STAGES = ["demo", "convert", "annotate", "prepare", "train"]
STAGES += ["predict", "saliency", "trust", "overlap", "summary", "report", "export"]
GATHER = ["gather_prepared", "gather_predictions", "gather_saliency"]
JOBS = [*STAGES, *GATHER, "threshold", "trust_findings", "make_view"]


def names(stage: str) -> set[str]:
    return {path.stem for path in modules_of(SCRIPTS / f"{stage}.py")}


@pytest.mark.parametrize("stage", JOBS)
def test_no_stage_imports_another_or_the_study(stage: str) -> None:
    others = set(JOBS) - {stage}
    assert not names(stage) & others
    # The report alone says the digests of the code.
    digests = set() if stage == "report" else {"digest"}
    assert not names(stage) & {"study", "config", "tables", "folds", "contents", *digests}


@pytest.mark.parametrize("stage", JOBS)
def test_every_module_a_job_really_imports_is_in_its_digest(stage: str) -> None:
    probe = (
        f"import runpy, sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        f"runpy.run_path({str(SCRIPTS / f'{stage}.py')!r})\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('rightreason.')))"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = {Path(file) for file in out.stdout.split()}
    assert loaded <= modules_of(SCRIPTS / f"{stage}.py")


def test_a_view_of_a_case_does_without_the_pages_libraries_and_templates() -> None:
    probe = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "import rightreason.make_view\nprint(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not set(out.stdout.split()) & {"pandas", "torch", "matplotlib", "monai", "jinja2"}
    assert "report" not in names("make_view")


def test_imports_are_absolute() -> None:
    for path in [*SCRIPTS.glob("*.py"), *SCRIPTS.glob("rightreason/*.py")]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


def test_the_digest_changes_with_an_imported_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "rightreason"
    package.mkdir()
    (tmp_path / "stage.py").write_text("from rightreason.stage import run\n")
    (package / "stage.py").write_text("def run():\n    from rightreason import inner\n")
    (package / "inner.py").write_text("import rightreason.deep\n")
    (package / "deep.py").write_text("X = 1\n")
    (package / "apart.py").write_text("Y = 1\n")
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path)

    def now() -> str:
        digest._imports.cache_clear()
        return code_digest("stage")

    first = now()
    (package / "apart.py").write_text("Y = 2\n")
    os.utime(package / "deep.py", (0, 0))
    assert now() == first
    (package / "deep.py").write_text("X = 2\n")
    assert now() != first


def parsed(path: Path) -> set[str]:
    """The package's modules that a file imports, by Python's own parser."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    inside = {name.removeprefix("rightreason.") for name in names if "rightreason." in name}
    return {name for name in inside if (SCRIPTS / "rightreason" / f"{name}.py").is_file()}


def test_the_imports_found_in_the_text_are_those_that_the_parser_finds() -> None:
    sources = [*SCRIPTS.glob("*.py"), *SCRIPTS.glob("rightreason/*.py")]
    assert len(sources) > 200
    for path in sources:
        assert {found.stem for found in digest._imports(path)} == parsed(path), path


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("import rightreason.a\n", {"a"}),
        ("import rightreason.a as b\n", {"a"}),
        ("from rightreason import a, b as c\n", {"a", "b"}),
        ("from rightreason import (  # fmt: skip\n    a,\n    b,  # why\n)\n", {"a", "b"}),
        ("from rightreason.a import b\n", {"a"}),
        ("def f():\n    if X:\n        from rightreason.b import c\n", {"b"}),
        ("X = 'import rightreason.a'\n# from rightreason import b\n", set()),
        ("from rightreasonable import a\nimport rightreasons.b\n", set()),
    ],
)
def test_every_way_to_import_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, modules: set[str]
) -> None:
    (tmp_path / "rightreason").mkdir()
    for name in "ab":
        (tmp_path / "rightreason" / f"{name}.py").touch()
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path)
    script = tmp_path / "script.py"
    script.write_text(text)
    assert {found.stem for found in modules_of(script)} == {"script"} | modules
