"""What every wrapper does around its one call: a log, and errors that are sentences."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rightreason.errors import InputError


@contextmanager
def job(log: str) -> Iterator[None]:
    """Log to a file and end with a sentence when the user's input is at fault.

    Parameters
    ----------
    log : str
        Path of the job's log. Warnings and messages go there; an `InputError` is written there and
        to the terminal without a traceback, anything else with one. Either way the job fails.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s", force=True
    )
    logging.captureWarnings(capture=True)
    started = time.perf_counter()
    try:
        yield
    except InputError as error:
        logging.error("%s", error)
        sys.exit(f"\nrightreason: {error}\n(log: {log})\n")
    except Exception as error:
        logging.exception("This is a fault of rightreason, or of the machine; please report it.")
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}"
        sys.exit(
            f"\nrightreason: the job stopped unexpectedly: {type(error).__name__}: {error} "
            f"({where}). The log has the details: {log}\n"
        )
    logging.info("finished in %.2f s", time.perf_counter() - started)
