"""Forked children of a process that has imported TensorFlow, which takes longer than a check."""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from trainer.system import exits


def start(log: Path, run: Callable[[], int]) -> int:
    """Forks a child that ends with the exit code of `run`; all it says goes to the log. Its pid.

    No device of TensorFlow's may have been touched before.
    """
    pid = os.fork()
    if pid:
        return pid
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    code = exits.DEFECT
    try:
        code = run()
    except BaseException:
        traceback.print_exc()
    atexit._run_exitfuncs()  # among them that which waits for what is said to be written
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
