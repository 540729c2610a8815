"""What TensorFlow's libraries say while they are loaded, before anybody can set their log level.

They write it to the file descriptor of standard error. A small process between reads it and hands
on all that is not a remark: should this process be ended by what it loads (a processor without the
instructions that TensorFlow is built for), the reason is still read.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

from trainer.system import streams

_LOADED_FIRST = "tensorflow"  # Keras and others import it
_PATIENCE_SECONDS = 1.0  # with a reader of standard error who does not read
_FILTER = """
import re, sys
remark = re.compile(rb"WARNING: All log messages before absl|[IW]0000 00:00:|[-:.0-9 ]+: [IW] ")
for line in sys.stdin.buffer:
    if not remark.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def silence() -> None:
    """Leaves out remarks while TensorFlow is imported, now or later; warnings in Python stay."""
    if _LOADED_FIRST not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds TensorFlow as Python does, and has it loaded without remarks."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of TensorFlow; None of all else."""
        if name != _LOADED_FIRST:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def without_remarks(module: ModuleType) -> None:
                sys.meta_path.remove(self)  # not before: others ask only whether it is there
                with _filtered():
                    load(module)

            spec.loader.exec_module = without_remarks  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def _filtered() -> Iterator[None]:
    """Within, standard error goes through the other process, if one can be started."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _FILTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # a signal to all of a terminal is not for it
        )
    except OSError:
        yield
        return
    assert process.stdin is not None
    before = os.dup(streams.ERROR)
    streams.write_log_to(before)
    os.dup2(process.stdin.fileno(), streams.ERROR)
    process.stdin.close()
    try:
        yield
    finally:
        os.dup2(before, streams.ERROR)  # and it stays open: a line may be on its way there
        streams.write_log_to(streams.ERROR)
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
