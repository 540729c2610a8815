"""The tensors that runs end with, compared bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainer.runs import checkpoints

Tensors = dict[str, np.ndarray]


def read(job_dir: Path, step: int) -> Tensors:
    """Those of the checkpoint of that step."""
    return checkpoints.read(checkpoints.prefix(job_dir / "checkpoints", step))


def different(ours: Tensors, theirs: Tensors) -> list[str]:
    """Names of tensors that differ in a bit, or that one of them lacks."""
    lacking = ours.keys() ^ theirs.keys()
    common = ours.keys() & theirs.keys()
    return sorted({*lacking, *(it for it in common if ours[it].tobytes() != theirs[it].tobytes())})
