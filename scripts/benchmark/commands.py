"""The command as a user calls it, and a clock beside it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass

# The kernel counts what a process's parent had as its own, so a small one stands between.
_BETWEEN = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(code)
"""
_STEP = re.compile(r"\] step \d+/\d+,")  # the progress line of a loop's end


@dataclass(frozen=True)
class Run:
    """What a command took."""

    seconds: float
    first_step_seconds: float | None  # until the log told of the first loop, which is one step
    memory_mib: float
    cpu_seconds: float


def fashion_gan(*arguments: str) -> Run:
    """Runs the command.

    Raises:
      RuntimeError: it failed, with its last line.
    """
    started = time.monotonic()
    first_step, line = None, ""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _BETWEEN, sys.executable, "-m", "trainer", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        for line in process.stderr:
            if first_step is None and _STEP.search(line):
                first_step = time.monotonic() - started
        answer = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {line.strip()}")
    kibibytes, cpu_seconds = answer.split()
    return Run(time.monotonic() - started, first_step, int(kibibytes) / 2**10, float(cpu_seconds))
