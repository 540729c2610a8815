"""Runs fashion-gan's command without the cost of its start.

    python -m tests.command_server SOCKET

Importing TensorFlow takes longer than most tests. This process imports it once, before any device
is touched, and forks a child for each command, with the environment, the folder and the open files
of who asked: from there on it is the command as it is. The server ends, and its children with it,
when its standard input is closed.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

# What the commands import, some of it only when they need it.
import gcsfs  # noqa: F401
import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401

import trainer.commands.evaluate
import trainer.commands.export
import trainer.commands.generate
import trainer.commands.plot
import trainer.commands.prepare_data
import trainer.commands.presets
import trainer.commands.runs
import trainer.commands.samples
import trainer.commands.train
import trainer.training.run  # noqa: F401
from tests.command import ANSWER, command_line
from trainer import __main__

REQUEST_BYTES = 2**20  # at most
STREAMS = 3  # standard input, output, error


def serve(path: str) -> None:
    """Answers each request with the pid of its child and, once it has ended, its exit code."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{path}.new")
    server.listen()
    Path(f"{path}.new").rename(path)  # from now on it may be connected to
    child_ended, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([server, sys.stdin, child_ended], [], [])
        if sys.stdin in ready:
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            return
        if server in ready:
            connection, _ = server.accept()
            message, streams, _, _ = socket.recv_fds(connection, REQUEST_BYTES, STREAMS)
            pid = os.fork()
            if not pid:
                become_command(json.loads(message), streams)
            for stream in streams:
                os.close(stream)
            connection.sendall(struct.pack(ANSWER, pid))
            children[pid] = connection
        if child_ended in ready:
            os.read(child_ended, 512)
            for pid in list(children):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    # A test that has failed may not wait for its command.
                    with children.pop(pid) as connection, contextlib.suppress(OSError):
                        connection.sendall(struct.pack(ANSWER, os.waitstatus_to_exitcode(status)))


def become_command(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """In the child: what the interpreter does before, around and after the command."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(STREAMS, 256)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["folder"])
    tempfile.tempdir = None  # TMPDIR may be another
    sys.argv = ["fashion-gan", *request["arguments"]]
    sys.orig_argv = command_line(*request["arguments"])  # for who starts itself anew
    code = 1
    try:
        exec(request["before"], {})
        code = __main__.main(request["arguments"])
        threading._shutdown()  # waits for threads that must not be cut off
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
