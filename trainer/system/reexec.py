"""Re-executes the command of a worker that has lost another one, instead of giving its pod back.

TensorFlow cannot replace a member of a group: all of them must start again. In the same pod that
takes seconds; a new pod has to find a machine first, and its image there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn

from trainer.system import process_image, signals, streams
from trainer.system.process_image import Command

_only_one = threading.Lock()  # of the threads that see the end of a group


def restart_or_exit(reason: str, most: int) -> NoReturn:
    """Starts this process anew, or ends it with the code of a run that can be resumed.

    Args:
      reason: what is lost.
      most: how often it may be started anew in a row, without a step in between.
    """
    restart_in_place(reason, most)
    tried = process_image.restarts_in_a_row()
    also = f", started anew {tried} times without a step" if most and tried >= most else ""
    signals.exit_now(f"{reason}{also}")


def restart_in_place(reason: str, most: int) -> None:
    """Replaces this process by the same command, from any thread.

    Returns only if a stop was asked for, the count is used up, or exec fails.
    """
    with _only_one:
        command = permitted_command(most)
        if command is None:
            return
        number = process_image.restarts_in_a_row() + 1
        sys.stderr.write(f"fashion-gan: {reason}: starting anew in place, {number} of {most}\n")
        streams.drain(streams.HURRY_SECONDS)
        with signals.unread():
            if signals.stop_requested():
                return
            # What comes until the new image has its handlers waits for them.
            previous = signal.pthread_sigmask(signal.SIG_BLOCK, signals.HANDLED)
            try:
                os.execve(command.path, command.arguments, command.environ)
            except OSError as error:
                signal.pthread_sigmask(signal.SIG_SETMASK, previous)
                sys.stderr.write(f"fashion-gan: {command.path} cannot be started: {error}\n")


def permitted_command(most: int) -> Command | None:
    """How this process is started anew; None where a signal or the count speaks against it."""
    if signals.stop_requested() or process_image.restarts_in_a_row() >= most:
        return None
    return process_image.restart_command()
