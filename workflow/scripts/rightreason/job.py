"""What every wrapper does around its work: a log, whole outputs, an error that is a sentence."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from rightreason import disk, left_running, made, rights
from rightreason.errors import InputError, of_memory
from rightreason.failures import Failure, bury, failures

NO_MEMORY = (
    "The job was refused memory, whatever else is said: {said} (`ulimit -v` tells what one process "
    "may have here.) Give it more, and run again: finished jobs are kept."
)


@contextmanager
def job(snakemake: Any, optional: Iterable[str] = ()) -> Iterator[None]:
    """Do a job's work: log to a file, check what is read, record what is made.

    Parameters
    ----------
    snakemake : object
        What Snakemake hands to a script. Of its `input`, what lies in `results/` must be as it was
        made; its `output` is recorded when the work is done. Warnings and messages go to its `log`;
        an `InputError` is written there and to the terminal without a traceback, and so are a full
        or failing disk, want of memory, and what the user may not read or write; anything else with
        one. Either way the job fails.
    optional : iterable of str
        Names of inputs that the work can do without.

    Where a run that was killed left the same job at work, this one fails before it touches anything
    (see `left_running`).

    The job of one case, of which an input failed in an earlier stage, or whose own input is at
    fault, does not fail with `on_failed_case: report`: it leaves a status record in place of its
    outputs (see `failures`), which the later stages pass on.
    """
    log = snakemake.log[0]
    _open(log)
    started = time.perf_counter()
    try:
        with left_running.alone(log):
            _begin(log)
            made.check(snakemake.input)
            _without_failed(snakemake, set(optional))
            try:
                yield
            except InputError as error:
                if _of_machine(error):
                    raise
                _leave(snakemake, _failure(snakemake, error))
            left_running.check_undisturbed(log)
            made.record(snakemake.output)
    except Exception as error:
        _stop(error, log)
    logging.info("finished in %.2f s", time.perf_counter() - started)


def _without_failed(snakemake: Any, optional: set[str]) -> None:
    """End the job of a case of which an input failed: there is nothing to work on.

    Where a failed case stops the study, so does the status record that another policy left.
    """
    if _stops(snakemake):
        for failure in failures(Path(path) for path in snakemake.input):
            raise InputError(
                f"Case {failure.case} failed in {failure.stage}, and a run with `on_failed_case: "
                f"report` went on without it: {failure.reason} Repair it, or set `on_failed_case: "
                "report` again."
            )
        return
    if not hasattr(snakemake.wildcards, "case"):
        return
    needed = [path for name, given in snakemake.input.items() if name not in optional
              for path in ([given] if isinstance(given, str) else given)]  # fmt: skip
    failed = failures(Path(path) for path in needed)
    if failed:
        _leave(snakemake, failed[0])
        made.record(snakemake.output)
        sys.exit(0)


def _stops(snakemake: Any) -> bool:
    return bool(snakemake.resources.get("on_failed_case", "stop") == "stop")


def _of_machine(error: InputError) -> bool:
    """Say whether a disk, memory or a changed output is at fault, and the case is not."""
    return bool(disk.fault_of(error)) or of_memory(error) or isinstance(error, made.ChangedError)


def _failure(snakemake: Any, error: InputError) -> Failure:
    """Say what failed; raise the error where it is no case that did."""
    if not hasattr(snakemake.wildcards, "case"):
        raise error
    return Failure(snakemake.wildcards.case, snakemake.rule, str(error))


def _leave(snakemake: Any, failure: Failure) -> None:
    """Leave the status record of a failed case, where the study goes on without it."""
    if _stops(snakemake):
        raise InputError(failure.reason)
    bury([Path(path) for path in snakemake.output], failure)
    logging.warning("The study goes on without case %s, which failed in %s: %s",
                    failure.case, failure.stage, failure.reason)  # fmt: skip


def _open(log: str) -> None:
    """Send messages to the log; to the terminal where the disk takes no log."""
    # A message that cannot be written must not end in a traceback.
    logging.raiseExceptions = False
    where: dict[str, Any] = {"stream": sys.stderr}
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        # Not anew: a job that a killed run left may be writing it.
        where = {"handlers": [logging.FileHandler(log, mode="a")]}
    except OSError as error:
        print(f"rightreason: there is no log: {error}", file=sys.stderr)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True, **where)
    logging.captureWarnings(capture=True)


def _begin(log: str) -> None:
    """Drop what an earlier attempt at the job said."""
    with suppress(OSError):
        Path(log).write_bytes(b"")


def _stop(error: Exception, log: str) -> NoReturn:
    fault = disk.fault_of(error)
    if fault or of_memory(error) or isinstance(error, InputError | PermissionError):
        sentence = _sentence(error, fault)
        logging.error("%s", sentence)
        sys.exit(f"\nrightreason: {sentence}\n(log: {log})\n")
    logging.exception("This is a fault of rightreason, or of the machine; please report it.")
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    sys.exit(
        f"\nrightreason: the job stopped unexpectedly: {type(error).__name__}: {error} "
        f"({where}). The log has the details: {log}\n"
    )


def _sentence(error: Exception, fault: OSError | None) -> str:
    if fault:
        return disk.sentence_of(fault, [made.RESULTS])
    if of_memory(error):
        return NO_MEMORY.format(said=str(error) or type(error).__name__)
    return rights.sentence_of(error) if isinstance(error, PermissionError) else str(error)
