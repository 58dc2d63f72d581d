"""How a run begins, if it may, and what one that failed ends in."""

import sys
from pathlib import Path

from rightreason import (
    array_limits,
    duplicates,
    failed_jobs,
    left_in_queue,
    left_running,
    rights,
    scheduling,
    slurm_mends,
    unknown_origin,
)

# Hears what is said of each failed job, whatever the profile's `quiet` keeps from the screen.
witness = failed_jobs.Witness()
logger.addFilter(witness)

# At once, since a run in which nothing is due comes to no `onstart`.
if workflow.is_main_process and not {"--touch", "-t", "--unlock"} & set(sys.argv):
    try:
        unknown_origin.check()
    except InputError as error:
        raise WorkflowError(str(error))


onstart:
    scheduling.lift_default_rate(workflow.scheduler)
    limiter = workflow.scheduler.job_rate_limiter
    arrays = getattr(workflow.executor_settings, "array_jobs", None)
    try:
        array_limits.check(
            arrays,
            due=len(list(workflow.dag.needrun_jobs())),
            jobs=workflow.resource_settings.nodes,
            per_timespan=limiter.max_jobs if limiter else None,
            sample=workflow.scheduling_settings.subsample,
        )
        if arrays:
            array_limits.check_status(
                workflow.executor_settings.status_command,
                array_limits.kept_seconds(),
            )
        if workflow.non_local_exec:
            left_in_queue.check(Path.cwd())
        if hasattr(workflow.executor_settings, "array_jobs"):
            slurm_mends.mend(workflow.scheduler._executor, arrays, logger.warning)
        duplicates.check(study.cases, digests.seen)
        left_running.check()
        rights.check(list(workflow.dag.needrun_jobs()))
    except InputError as error:
        raise WorkflowError(str(error))


onerror:
    logger.error(failed_jobs.tell(workflow.scheduler.failed, witness))
