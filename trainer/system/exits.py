"""The exit codes, and the errors that map to them.

The codes must not change: cluster manifests use them to decide whether a job is run again.
"""

OK = 0
DEFECT = 1  # a bug in this program: the traceback is printed
REFUSED = 64  # bad flags, configuration, data or losses: a retry cannot help (EX_USAGE)
INTERRUPTED = 143  # by a signal (128 + SIGTERM) or a lost worker: to be run again


class RefusedError(Exception):
    """The request cannot be fulfilled. The message says what is wrong and what to do."""


class InterruptedRun(Exception):
    """The run cannot continue now; its saved state is complete, and it can be run again."""


class StoppedByAgreement(InterruptedRun):
    """All workers of the run have agreed to stop here."""


class StoppedForAnother(StoppedByAgreement):
    """The same, and it was another worker that was asked to stop."""


def first_line(error: BaseException) -> str:
    """Type and first line of another library's error, for a message of this program."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
