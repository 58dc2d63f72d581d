"""Keys that stand twice in a config file: YAML takes the last, without a word on the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from rightreason.errors import InputError


def check(paths: Iterable[Path | str]) -> None:
    """Refuse config files in which a key stands twice in one place.

    Parameters
    ----------
    paths : iterable of path
        Files that Snakemake has read.

    Raises
    ------
    InputError
        Naming every such key.
    """
    problems = []
    for path in paths:
        try:
            # Composed only: nothing is made of tags.
            root = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except yaml.YAMLError:
            continue  # JSON that is no YAML, as with tabs: else Snakemake had not read it.
        problems += [f"{path}, {problem}" for problem in _repeated(root, "", set())]
    if problems:
        raise InputError.of("The config cannot be used:", problems)


def _repeated(node: yaml.Node | None, above: str, seen: set[int]) -> Iterator[str]:
    """Go through a node and what is in it; an alias is the very node that it repeats."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated(value, above, seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = f"{above}{key.value}", key.start_mark.line + 1
            if name in lines:
                yield (
                    f"line {line}: {name} stands in line {lines[name]} already, which would be "
                    "dropped with all that is below it; make one of the two"
                )
            lines.setdefault(name, line)
            yield from _repeated(value, f"{name}.", seen)
