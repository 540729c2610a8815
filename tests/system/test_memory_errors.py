"""A lack of memory is refused in one line, not a defect."""

from __future__ import annotations

import tensorflow as tf

from tests.command import run_forked
from tests.conftest import train_flags
from trainer.system import exits, memory_errors

# The latents of a batch of 4,000 take 1.28 GB then, weights and what Adam keeps of them a third.
LARGE = ("--dataset=synthetic", "--noise_dim=80000")
LITTLE_MEMORY = """
import resource
from pathlib import Path
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 5 * 2**28
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""


def test_a_batch_that_does_not_fit_is_refused_with_half_of_it(tmp_path):
    # Where bfloat16 is fast, precisions are compared first, before there is a run.
    asked = ("--batch_size=4000", "--steps=2", "--precision=float32")
    flags = train_flags(tmp_path / "run", *LARGE, *asked)
    refused = run_forked(*flags, code=exits.REFUSED, before=LITTLE_MEMORY).stderr.splitlines()[-1]
    assert "CPU:0 does not have enough memory: use --batch_size=2000 instead of 4000" in refused
    assert f"a folder other than --job_dir={tmp_path / 'run'}" in refused


def test_python_s_is_one_too_and_other_errors_are_not():
    assert "there is not enough memory" in str(memory_errors.refusal(MemoryError()))
    assert memory_errors.refusal(ValueError("OOM")) is None
    for other in ("files", "/data/SHOWROOM/x; No space left on device"):
        assert memory_errors.refusal(tf.errors.ResourceExhaustedError(None, None, other)) is None
