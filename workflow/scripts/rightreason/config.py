"""The study's config: one model is the truth; defaults, checks and documents come from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from rightreason.config_audit import Headline, Overlap, Report, Summary
from rightreason.config_networks import Model, Predict, Saliency, Train
from rightreason.config_sections import Annotate, Convert, Count, Demo, Name, Prepare, Section
from rightreason.config_trust import Trust
from rightreason.errors import InputError, unknown
from rightreason.tables import ID_RULE

MOST_VALUES = 100_000
"""Of a config, aliases counted as often as they stand."""


class Config(Section):
    """A study."""

    cases: str | None = Field(None, description="Table of cases; none: the embedded cohort.")
    annotations: str | None = Field(None, description="Table of annotations.")
    code: str | None = Field(
        None,
        description="Folder with the modules of your own networks; none: they are installed.",
    )
    classes: tuple[Name, Name] = Field(
        ("other", "drowning"),
        description="The two labels, ids as cases have: `salt_water`, not `salt water`.",
    )
    positive: Name = Field("drowning", description="The class whose evidence is audited.")
    external_sites: tuple[str, ...] = Field((), description="Sites never trained on.")
    device: Literal["auto", "cpu", "cuda"] = Field("cpu", description="Where networks run.")
    threads: Count = Field(1, description="CPU threads of a network job.")
    shards: Count = Field(
        1,
        description="In how many parts the cohort is predicted and explained, each a job; a case's "
        "part follows from its id alone.",
    )
    on_failed_case: Literal["stop", "report"] = Field(
        "stop",
        description="A case that cannot be used: stop before anything is made of the whole cohort, "
        "or go on without it and name it in the report.",
    )
    demo: Demo = Demo()
    convert: Convert = Convert()
    annotate: Annotate = Annotate()
    prepare: Prepare = Prepare()
    models: dict[Name, Model] = Field(min_length=1)
    train: Train = Train()
    predict: Predict = Predict()
    saliency: Saliency = Saliency()
    trust: Trust = Trust()
    overlap: Overlap = Overlap()
    summary: Summary = Summary()
    headline: Headline = Headline()
    report: Report = Report()

    @model_validator(mode="after")
    def _names_fit(self) -> Config:
        problems = []
        if len(set(self.classes)) < 2:
            problems.append("classes: the two labels are the same")
        if self.positive not in self.classes:
            problems.append(unknown("positive", self.positive, self.classes))
        for key, there in (
            ("method", self.saliency.methods),
            ("binarisation", self.overlap.binarisations),
        ):
            if getattr(self.headline, key) not in there:
                problems.append(unknown(f"headline.{key}", getattr(self.headline, key), there))
        if self.annotations is not None and self.cases is None:
            problems.append("annotations is given without cases; give both tables")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def section(self, stage: str) -> dict[str, Any]:
        """Return one section as plain, sorted types, fit for a rule's `params`."""
        plain: dict[str, Any] = json.loads(json.dumps(self.model_dump(mode="json"), sort_keys=True))
        section: dict[str, Any] = plain[stage]
        return section


def read_config(raw: Mapping[str, Any]) -> Config:
    """Check a config as Snakemake loaded it.

    Raises
    ------
    InputError
        Naming every key that is wrong, at once.
    """
    _check_size(raw)
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        problems = [_sentence(dict(detail)) for detail in error.errors()]
        raise InputError.of("The config cannot be used:", problems) from error


def _check_size(raw: Mapping[str, Any]) -> None:
    """Refuse a config whose YAML aliases, nested in each other, stand for more than can be held."""
    waiting: list[Any] = [raw]
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple | set):
            waiting += value
    raise InputError(
        f"The config holds more than {MOST_VALUES} values, or holds itself (aliases of YAML, "
        "`&name` and `*name`, repeat what they name). Write out what is meant."
    )


def _sentence(detail: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in detail["loc"] if part != "[key]")
    if detail["type"] == "extra_forbidden":
        return unknown("key", where, _keys_beside(detail["loc"]))
    if detail["type"] == "string_pattern_mismatch":
        return f"{where}: {detail['input']!r} is no id; {ID_RULE}"
    if detail["type"] == "tuple_type":
        return f"{where}: a list was expected, for example [{detail['input']}]"
    if detail["type"] == "string_type":
        return f"{where}: text was expected, and YAML read {detail['input']!r}; put it in quotes"
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:] if message[:1].isupper() else message
    given = "" if isinstance(detail["input"], dict) else f" (given: {detail['input']!r})"
    return f"{where}: {message}{given}" if where else message


def _keys_beside(location: tuple[Any, ...]) -> list[str]:
    """List the keys there are where an unknown one was given, as dotted paths."""
    model: Any = Config
    prefix: list[str] = []
    for part in location[:-1]:
        prefix.append(str(part))
        field = getattr(model, "model_fields", {}).get(part)
        annotation = field.annotation if field else model
        arguments = getattr(annotation, "__args__", ())
        named = [a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)]
        model = named[-1] if named else annotation
    return [".".join([*prefix, name]) for name in getattr(model, "model_fields", {})]
