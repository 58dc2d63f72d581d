"""What is generated from the config model: its JSON schema and its reference page.

`python -m rightreason.config_docs FOLDER` writes `schema.json` and `README.md` there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rightreason.config import Config

INTRODUCTION = """\
# The config

`config.yaml` is the embedded study; `drowning/` and `sts/` are ready-made ones. A study of your own
is one YAML file and two tables; name the file with `--configfile` (it stands alone, nothing is
merged into it) and the tables in it or with `--config cases=… annotations=…`. Paths in tables are
relative to the table, all others to the folder where you run `snakemake`. Every key is checked
before any job starts, and an unknown one is an error.

This page and `schema.json` are generated (`make schema`).

## `cases.tsv`

Tab-separated, UTF-8, one row per imaging study.

| column | | meaning |
|---|---|---|
| `case` | required | id: letters, digits, `_` and `-`; stands in outputs |
| `image` | required | folder of DICOM, one multi-frame DICOM file, or NIfTI |
| `label` | required | one of `classes` |
| `patient` | | cases of one patient stay in one fold; without the column: the case |
| `site` | | where the case comes from; without the column: `main` |
| `series` | | SeriesInstanceUID, when a folder holds several volumes |
| `region` | | mask of the organ (NIfTI): guides the crop |
| any other | | kept |

## `annotations.tsv`

Tab-separated, UTF-8, one row per rater and case (several when a rater used several files).

| column | | meaning |
|---|---|---|
| `case`, `rater` | required | ids; of LIDC XML, the number a rater ends in names the session |
| `file` | required | NIfTI, NRRD, DICOM SEG, RTSTRUCT, LIDC XML; *empty*: looked, found nothing |
| `roi` | | ROI, segment, label or nodule to take; default all |
| `finding` | | free text |

A case without a row was not annotated: it is classified, never scored for overlap.
"""


def schema() -> str:
    """Return the JSON schema of the config."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def reference() -> str:
    """Return the reference page in Markdown."""
    whole = Config.model_json_schema()
    sections = "".join(_section(name, part, whole) for name, part in _sections(whole))
    return f"{INTRODUCTION}\n## Top level\n\n{_table(whole, whole)}{sections}"


def _sections(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List every part with keys of its own, in the order they are met."""

    def walk(prefix: str, part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for key, field in part.get("properties", {}).items():
            for name, inner in _inner(f"{prefix}{key}", field, whole):
                yield name, inner
                yield from walk(f"{name}.", inner)

    yield from walk("", whole)


def _inner(
    name: str, field: dict[str, Any], whole: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    values = field.get("additionalProperties") or field.get("patternProperties", {})
    if isinstance(values, dict) and "$ref" not in values:
        values = next((v for v in values.values() if isinstance(v, dict)), {})
    for suffix, part in (("", field), (".<name>", values)):
        if isinstance(part, dict) and "$ref" in part:
            yield name + suffix, whole["$defs"][part["$ref"].rpartition("/")[2]]


def _section(name: str, part: dict[str, Any], whole: dict[str, Any]) -> str:
    purpose = str(part.get("description", "")).replace("\n", " ")
    return f"\n## `{name}`\n\n{purpose}\n\n{_table(part, whole)}"


def _table(part: dict[str, Any], whole: dict[str, Any]) -> str:
    required = part.get("required", [])
    rows = [
        f"| `{key}` | {_default(key, field, required)} | {_type(field)} | "
        f"{field.get('description', '')} |"
        for key, field in part.get("properties", {}).items()
        if not list(_inner(key, field, whole))
    ]
    return "\n".join(["| key | default | values | meaning |", "|---|---|---|---|", *rows, ""])


def _default(key: str, field: dict[str, Any], required: list[str]) -> str:
    if key in required:
        return "required"
    default = field.get("default")
    return "–" if default is None else f"`{json.dumps(default)}`"


def _type(field: dict[str, Any]) -> str:
    options = field.get("anyOf", [field])
    words = []
    for option in options:
        if "enum" in option:
            words += [f"`{value}`" for value in option["enum"]]
        elif "prefixItems" in option:
            words.append(f"{len(option['prefixItems'])} values")
        elif option.get("type") != "null":
            words.append(str(option.get("type", option.get("const", ""))) + _bounds(option))
    return ", ".join(words)


def _bounds(option: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return "".join(f" {sign} {option[key]:g}" for key, sign in signs.items() if key in option)


if __name__ == "__main__":
    Path(sys.argv[1], "schema.json").write_text(schema(), encoding="utf-8")
    Path(sys.argv[1], "README.md").write_text(reference(), encoding="utf-8")
