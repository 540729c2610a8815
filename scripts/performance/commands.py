"""The command as a user calls it, and a clock beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

_STEP = re.compile(r"\] step \d+/\d+,")  # the progress line of a loop's end


@dataclass(frozen=True)
class Run:
    """What a command took."""

    seconds: float
    first_step_seconds: float | None  # until the log told of the first loop, which is one step
    memory_mib: float


def fashion_gan(*arguments: str) -> Run:
    """Runs the command.

    Raises:
      RuntimeError: it failed, with its last line.
    """
    started = time.monotonic()
    first_step, line = None, ""
    with subprocess.Popen(
        [sys.executable, "-m", "trainer", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if first_step is None and _STEP.search(line):
                first_step = time.monotonic() - started
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {line.strip()}")
    return Run(time.monotonic() - started, first_step, used.ru_maxrss / 2**10)
