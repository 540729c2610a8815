"""The exit codes, and the errors that map to them.

Cluster manifests decide from these codes whether a job is run again, so they are a contract.
"""

OK = 0
DEFECT = 1  # an error of ours: the traceback is shown
REFUSED = 64  # flags, configuration, data or losses are bad: a retry cannot help (EX_USAGE)
INTERRUPTED = 143  # stopped by a signal (128 + SIGTERM) or by a lost peer: run me again


class RefusedError(Exception):
    """What was asked for cannot work. The message says what is wrong and what to do."""


class InterruptedRun(Exception):
    """The run cannot go on now, and what it had saved is whole: run me again."""


class StoppedTogether(InterruptedRun):
    """All workers of the run have agreed to stop here."""


def first_line(error: BaseException) -> str:
    """What another's error says, short enough for a message of ours."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
