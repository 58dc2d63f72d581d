"""Keeps `locale/{language}.po` at what code and templates say: `make words`.

A catalogue holds no line numbers and no date of the day, so that a change of it shows messages and
nothing else. Messages stand in the order of the modules' names and of the lines in them.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from rightreason.words import LOCALE

PACKAGE = Path(__file__).parent
KEYWORDS = {"_": 1, "mark": 1, "plural": 2}
"""The functions that take messages, and how many forms of one they take."""


def messages() -> Iterator[tuple[str, ...]]:
    """Yield each message of code and templates; of those with a plural both forms."""
    for path in sorted(PACKAGE.glob("*.py")):
        yield from of_code(path.read_text("utf-8"))
    keywords = {name: (1, 2) if forms == 2 else None for name, forms in KEYWORDS.items()}
    for path in sorted(PACKAGE.glob("templates/*.html")):
        for _line, found, _comments, _context in extract_from_file(
            "jinja2.ext.babel_extract", path, keywords, options={"silent": "false"}
        ):
            yield found if isinstance(found, tuple) else (found,)


def of_code(source: str) -> Iterator[tuple[str, ...]]:
    """Yield the messages of a module, in the order of its lines.

    Babel's own extraction takes `"key"` of `_(TABLE[row["key"]])` for a message.
    """
    calls = [
        node for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        and node.func.id in KEYWORDS
    ]  # fmt: skip
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        forms = call.args[: KEYWORDS[call.func.id]]  # type: ignore[attr-defined]
        words = [form.value for form in forms if isinstance(form, ast.Constant)]
        if len(words) == len(forms) and all(isinstance(word, str) for word in words):
            yield tuple(map(str, words))


def updated(old: Catalog) -> Catalog:
    """Return a catalogue of all messages: known translations stay, what is gone is left out.

    Parameters
    ----------
    old : Catalog
        As it was read.
    """
    new = Catalog(locale=old.locale)
    for message in messages():
        named = message if message[1:] else message[0]
        known = old.get(message[0])
        new.add(named, known.string if known and known.id == named else None)
    return new


def untranslated(catalogue: Catalog) -> list[str]:
    """Return the messages that have no translation."""
    return [
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue if message.id and not "".join(message.string or "")
    ]  # fmt: skip


def read(language: str) -> Catalog:
    """Read the catalogue of a language."""
    with (LOCALE / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def written(catalogue: Catalog, before: str) -> str:
    """Return the text of a catalogue's file; its head, a glossary among it, is that of `before`."""
    file = io.BytesIO()
    write_po(file, catalogue, width=100, no_location=True, omit_header=True)
    return f"{before.split(chr(10) * 2)[0].rstrip()}\n\n{file.getvalue().decode().strip()}\n"


def main(languages: list[str]) -> None:
    """Bring the catalogues of languages up to date and say what is left to translate."""
    for language in languages:
        new, path = updated(read(language)), LOCALE / f"{language}.po"
        path.write_text(written(new, path.read_text("utf-8")), "utf-8")
        print(f"{path.name}: {len(new)} messages, {len(untranslated(new))} to translate")


if __name__ == "__main__":
    main(sys.argv[1:])
