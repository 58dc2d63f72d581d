"""What to do when SLURM takes no job, by what it says."""

from __future__ import annotations

import re

# sbatch names the limit of an account (AssocMaxSubmitJobLimit) or a QOS (QOSMaxSubmitJob…Limit); of
# the cluster's MaxJobCount it says that the queue is full, or that it accepts no job for now.
_TOO_MANY = re.compile(r"MaxSubmit|queue full|temporarily unable to accept", re.IGNORECASE)


def remedy(said: str, profile: str) -> str:
    """Say what to do about a job that SLURM did not take.

    Parameters
    ----------
    said : str
        Why not, in `sbatch`'s words.
    profile : str
        The file of the profile.
    """
    if _TOO_MANY.search(said):
        return (
            "So many jobs may not be in its queue: run again when it has worked through those it "
            "took, which are kept; or hand over fewer at once, without arrays: "
            '--slurm-array-jobs "" --jobs 500'
        )
    return f"Your partitions and account stand in {profile}."
