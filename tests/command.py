"""fashion-gan's command in tests: forked from a server where that will do, else a new process.

`run_forked` and `start_forked` spare the import of TensorFlow (see `command_server`). `run_process`
and `start_process` start Python as a user does, where the start itself is tested: signals, exit
codes, start-up, clusters.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 300.0
ANSWER = "q"  # of the server, as struct packs it

Process = subprocess.Popen[str]
Done = subprocess.CompletedProcess[str]


def command_line(*arguments: str | Path) -> list[str]:
    """The command as a new process has it."""
    return [sys.executable, "-m", "trainer", *map(str, arguments)]


def start_process(*arguments: str | Path, before: tuple[str, ...] = (), **options: Any) -> Process:
    """Starts fashion-gan as a user does; `before` is what its command line is given to."""
    options = {"cwd": ROOT, "text": True, **options}
    return subprocess.Popen([*before, *command_line(*arguments)], **options)


def run_process(*arguments: str | Path, code: int = 0) -> Done:
    """Runs fashion-gan as a user does and asserts its exit code."""
    process = start_process(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code, errors
    return subprocess.CompletedProcess(process.args, code, output, errors)


def run_forked(*arguments: str | Path, code: int = 0, before: str = "") -> Done:
    """Runs the command in a forked child and asserts its exit code.

    Args:
      arguments: of fashion-gan.
      code: the exit code.
      before: Python code that the child executes first.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        forked = start_forked(*arguments, stdout=output, stderr=errors, before=before)
        try:
            forked.wait(PATIENCE_SECONDS)
        finally:
            forked.kill()
            forked.wait()
        for file in (output, errors):
            file.seek(0)
        done = subprocess.CompletedProcess(arguments, code, output.read(), errors.read())
    assert forked.returncode == code, done.stderr
    return done


def start_forked(
    *arguments: str | Path,
    stdout: IO[Any] | int = subprocess.DEVNULL,
    stderr: IO[Any] | int = subprocess.DEVNULL,
    before: str = "",
    environ: Mapping[str, str] | None = None,
) -> Forked:
    """Starts the command in a forked child.

    Args:
      arguments: of fashion-gan.
      stdout: a file, `subprocess.PIPE` or `subprocess.DEVNULL`.
      stderr: the same, or `subprocess.STDOUT`.
      before: Python code that the child executes first.
      environ: of the child; None: this process's.
    """
    return Forked(list(map(str, arguments)), stdout, stderr, before, environ or os.environ)


class Forked:
    """A child of the server, as `subprocess.Popen` shows its own."""

    def __init__(
        self,
        arguments: list[str],
        stdout: IO[Any] | int,
        stderr: IO[Any] | int,
        before: str,
        environ: Mapping[str, str],
    ) -> None:
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        request = {
            "arguments": arguments,
            "before": before,
            "environ": dict(environ),
            "folder": str(ROOT),
        }
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(_server())
        with contextlib.ExitStack() as passed:
            nothing = passed.enter_context(open(os.devnull, "r+b")).fileno()
            output, self.stdout = _stream(stdout, nothing, passed)
            if stderr == subprocess.STDOUT:
                errors = output
            else:
                errors, self.stderr = _stream(stderr, nothing, passed)
            message = json.dumps(request).encode()
            socket.send_fds(self._connection, [message], [nothing, output, errors])
        self.pid = self._answer()

    def poll(self) -> int | None:
        """The exit code, once the child has ended."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self.returncode = self._answer()
            self._connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end and returns the exit code.

        Raises:
          TimeoutExpired: the child has not ended in time.
        """
        if self.returncode is None:
            select.select([self._connection], [], [], timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired("fashion-gan", timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left of the child's output, and its errors, until its end."""
        output = self.stdout.read() if self.stdout else ""
        errors = self.stderr.read() if self.stderr else ""
        for stream in (self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait(timeout)
        return output, errors

    def _answer(self) -> int:
        """The next number that the server sends: the pid, then the exit code."""
        return struct.unpack(ANSWER, self._connection.recv(struct.calcsize(ANSWER)))[0]

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the child has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _stream(
    wanted: IO[Any] | int, nothing: int, passed: contextlib.ExitStack
) -> tuple[int, IO[str] | None]:
    """What the child gets, and what is read here."""
    if wanted == subprocess.DEVNULL:
        return nothing, None
    if wanted == subprocess.PIPE:
        read_end, write_end = os.pipe()
        passed.callback(os.close, write_end)
        return write_end, os.fdopen(read_end, "r")
    assert not isinstance(wanted, int)
    return wanted.fileno(), None


@functools.cache
def _server() -> str:
    """The server's address; it is started at the first call, and waits for no request yet."""
    folder = tempfile.TemporaryDirectory(prefix="fashion-gan-tests-")
    path = str(Path(folder.name, "socket"))
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.command_server", path], cwd=ROOT, stdin=subprocess.PIPE
    )

    def stop() -> None:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()
        folder.cleanup()

    atexit.register(stop)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not Path(path).exists():
        assert server.poll() is None and time.monotonic() < deadline, "the server does not start"
        time.sleep(0.05)
    return path
