import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path

from rightreason.array_tasks import own_command

PACKAGE = Path(__file__).parents[2] / "workflow" / "scripts"


def option(commands: dict[str, str]) -> str:
    packed = {task: zlib.compress(line.encode(), level=9).hex() for task, line in commands.items()}
    return "--slurm-jobstep-array-execs=" + base64.b64encode(json.dumps(packed).encode()).decode()


def started(commands: dict[str, str]) -> list[str]:
    return ["snakemake", "--target-jobs", "convert:case=A01", "--mode", "remote", option(commands)]


def test_each_task_but_the_first_has_a_command_of_its_own() -> None:
    of_array = started({"2": "snakemake --target-jobs 'convert:case=Ä02'", "3": "true"})
    assert own_command(of_array, {"SLURM_ARRAY_TASK_ID": "2"}) == (
        "snakemake --target-jobs 'convert:case=Ä02'"
    )
    assert own_command(of_array, {"SLURM_ARRAY_TASK_ID": "3"}) == "true"
    assert own_command(of_array, {"SLURM_ARRAY_TASK_ID": "1"}) is None


def test_outside_of_arrays_there_is_none() -> None:
    assert own_command(started({"2": "true"}), {}) is None
    assert own_command(["snakemake", "--cores", "2"], {"SLURM_ARRAY_TASK_ID": "2"}) is None


def test_the_process_becomes_the_command_and_ends_as_it_does() -> None:
    code = "from rightreason import array_tasks; array_tasks.take_over(); print('still here')"
    for line, said, status in (("echo own; exit 3", "own\n", 3), ("", "still here\n", 0)):
        arguments = [option({"2": line})] if line else []
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={"PYTHONPATH": str(PACKAGE), "SLURM_ARRAY_TASK_ID": "2"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (ended.stdout, ended.returncode) == (said, status)
