"""Where the package lies; and before all else, a task of a SLURM array becomes the job that it is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.current_basedir).parent / "workflow" / "scripts"))

from rightreason import array_tasks

array_tasks.take_over()
