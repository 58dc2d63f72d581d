"""Which runs are refused, since they could not end well, and what one that failed ends in."""

from pathlib import Path

from rightreason import array_limits, failed_jobs, left_in_queue, left_running, rights

# Hears what is said of each failed job, whatever the profile's `quiet` keeps from the screen.
witness = failed_jobs.Witness()
logger.addFilter(witness)


onstart:
    arrays = getattr(workflow.executor_settings, "array_jobs", None)
    try:
        array_limits.check(
            arrays,
            due=len(list(workflow.dag.needrun_jobs())),
            jobs=workflow.resource_settings.nodes,
            per_timespan=workflow.scheduling_settings.max_jobs_per_timespan.max_jobs,
            sample=workflow.scheduling_settings.subsample,
        )
        if arrays:
            array_limits.check_status(
                workflow.executor_settings.status_command,
                array_limits.kept_seconds(),
            )
        if workflow.non_local_exec:
            left_in_queue.check(Path.cwd())
        left_running.check()
        rights.check(list(workflow.dag.needrun_jobs()))
    except InputError as error:
        raise WorkflowError(str(error))


onerror:
    logger.error(failed_jobs.tell(workflow.scheduler.failed, witness))
