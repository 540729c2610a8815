"""Run inside the container by container.sh: asserts what it may do, and what it lacks."""

import importlib.util
import os
import tempfile
from pathlib import Path

status = dict(
    line.split(":\t")
    for line in Path("/proc/self/status").read_text().splitlines()
    if ":\t" in line
)
assert os.getpid() == 1
assert os.getuid() == os.getgid() == 10001
assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0
assert os.statvfs("/").f_flag & os.ST_RDONLY
assert not any(os.access(folder, os.W_OK) for folder in ("/", "/run", "/var/tmp"))
with tempfile.NamedTemporaryFile() as file:
    assert Path(file.name).parent == Path(os.environ["HOME"]) == Path("/tmp")
assert importlib.util.find_spec("pip") is None
