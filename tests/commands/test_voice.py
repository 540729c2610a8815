"""What a command says: on a terminal, in a log, quietly, and of what is wrong."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from tests.command import ROOT, run_forked, run_process, start_forked
from tests.conftest import FEW_REFERENCES, train_flags
from trainer import __version__
from trainer.configuration import flags
from trainer.system import exits
from trainer.training import start_warnings

SHORT = ("--dataset=synthetic", "--steps=3", "--evaluation_interval=2", "--evaluation_samples=10")


def run_on_terminal(*arguments: str) -> str:
    """Runs the command, and returns what its terminal was sent on standard error."""
    ours, theirs = pty.openpty()
    terminal = os.fdopen(theirs, "w", closefd=False)
    forked = start_forked(*arguments, stderr=terminal, before=FEW_REFERENCES)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the terminal's other side is closed
        pass
    assert forked.wait(60) == exits.OK, shown.decode()
    os.close(ours)
    return shown.decode()


def test_on_a_terminal_log_lines_stand_whole_above_the_bar_and_the_last_say_how_good_it_is(
    tmp_path,
):
    shown = run_on_terminal(*train_flags(tmp_path / "a run", *SHORT))
    # What a line was before it was cleared is gone.
    lines = [line.split("\x1b[K")[-1].strip("\r") for line in shown.split("\n")]
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines if line), lines
    assert "3/3" in shown.replace("\n", "")
    for what in ("evaluating step 2", "evaluating step 3", "writing the results"):
        assert what in shown  # though it takes but some tenths of a second
    assert lines[-1] == ""  # nothing is left below the last line
    log = "\n".join(lines)
    assert "3 updates of 8 images are too few" in log
    assert re.search(r"complete at step 3, after 24 images; this start took \d:\d\d", log)
    assert re.search(r"Fréchet distance: first [\d.]+ at step 2, best [\d.]+ at", log)
    for what in ("generate", "evaluate"):  # what can be done next
        assert f"{what} '--job_dir={tmp_path / 'a run'}'" in log
    assert (tmp_path / "a run" / "checkpoints" / "best").is_dir()


def test_a_run_that_is_too_short_to_learn_is_said_to_be_so(caplog):
    given = ["--job_dir=x", "--dataset=synthetic", "--epochs=1", "--batch_size=2000"]
    asked = flags.train(["train", *given])
    start_warnings.warn_if_short(asked.recipe, asked.schedule)
    assert "2 updates of 2000 images are too few" in caplog.text
    assert "--epochs=2500 would do" in caplog.text


def test_quiet_leaves_results_and_errors(tmp_path):
    run = f"--job_dir={tmp_path}"
    quiet = run_forked(*train_flags(tmp_path, *SHORT, "--quiet"), before=FEW_REFERENCES)
    assert quiet.stderr == ""
    done = run_forked("generate", run, f"--output={tmp_path}/x.png", "--num=1", "--quiet")
    assert (done.stdout, done.stderr) == (f"{tmp_path}/x.png\n", "")
    refused = run_forked("plot", "--job_dir=/nothing", "--quiet", code=exits.REFUSED)
    assert "/nothing" in refused.stderr
    both = run_forked("plot", run, "--quiet", "--verbose", code=exits.REFUSED)
    assert "contradict" in both.stderr


def test_of_tensorflow_s_own_lines_only_those_that_matter_are_shown(tmp_path):
    code = (
        "import os, sys; from trainer.system import library_lines; library_lines.silence(); "
        "sys.path.insert(0, sys.argv[1]); import importlib.util as util; "
        "assert util.find_spec('tensorflow'); "  # other libraries ask so whether it is there
        "import tensorflow; print(tensorflow.__name__)"
    )
    library = (
        "import os\n"
        "os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called\\n')\n"
        "os.write(2, b'I0000 00:00:1795854824.891017   25143 cudart_stub.cc:31] no drivers\\n')\n"
        "os.write(2, b'F0000 00:00:1795854824.891017   25143 guard.cc:31] no AVX here\\n')\n"
        "os.write(2, b'unfinished'); os.abort()\n"
    )
    (tmp_path / "tensorflow.py").write_text(library)
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode < 0
    assert done.stderr.splitlines() == [
        "F0000 00:00:1795854824.891017   25143 guard.cc:31] no AVX here",
        "unfinished",
    ]


def test_the_version_is_told():
    assert run_process("--version").stdout == f"fashion-gan {__version__}\n"
