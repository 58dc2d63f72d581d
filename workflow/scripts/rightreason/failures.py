"""What stands in for the outputs of a case that failed, where the study goes on without it.

With `on_failed_case: report` a case that cannot be read leaves this status record in place of each
output; the later stages pass it on, and whatever reads the cohort leaves the case out and names it.
The record is no image and no table, so that nothing can take it for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rightreason.whole import write_whole

HEAD = b'{"failed": '
IN_FOLDER = "failed.json"


@dataclass(frozen=True)
class Failure:
    """Why a study goes on without a case.

    Attributes
    ----------
    case, stage : str
        The case, and the stage that could not deal with it.
    reason : str
        The sentence of that stage's job.
    """

    case: str
    stage: str
    reason: str


def bury(outputs: Iterable[Path], failure: Failure) -> None:
    """Write the status record in place of a job's outputs; one without an ending is a folder."""
    content = json.dumps({"failed": asdict(failure)}, ensure_ascii=False) + "\n"
    for path in outputs:
        place = path if path.suffix else path / IN_FOLDER
        write_whole(place, content.encode())


def failure_of(path: Path) -> Failure | None:
    """Read the status record at an output's place; None where the output itself is there."""
    place = path / IN_FOLDER if path.is_dir() else path
    if not place.is_file():
        return None
    with place.open("rb") as file:
        if file.read(len(HEAD)) != HEAD:
            return None
        return Failure(**json.loads(HEAD + file.read())["failed"])


def failures(paths: Iterable[Path]) -> list[Failure]:
    """Return the failures among some outputs, each once."""
    return list(dict.fromkeys(found for path in paths if (found := failure_of(path))))


def usable_path(given: Iterable[str]) -> Path | None:
    """Return the one path of an optional input; None where it was not given, or failed."""
    return next((Path(path) for path in given if not failure_of(Path(path))), None)
