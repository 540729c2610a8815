"""evaluations.jsonl and tensorboard/eval: what was measured of a run, by itself and by others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer import events, records, storage
from trainer.cloud.runs import EVALUATIONS_FILE

EVENTS = Path("tensorboard", "eval")
TRAIN, TEST = "train", "test"  # what a generator is judged against; training never sees the test
# TensorBoard's tags begin with it: the two would otherwise be points of one curve.
_TAGS = {TRAIN: "evaluation", TEST: "test"}


def read(job_dir: Path, against: str) -> list[dict[str, Any]]:
    """The evaluations against the images of a split, in the order in which they were made."""
    lines = records.read_lines(job_dir / EVALUATIONS_FILE)
    return [line for line in lines if line["against"] == against]


def add(job_dir: Path, line: dict[str, Any]) -> None:
    """Records an evaluation.

    Args:
      job_dir: the run directory.
      line: `step`, `against` and the figures, of which TensorBoard gets the numbers.
    """
    # A file an evaluation: a training and an evaluation beside it share none.
    writer = tf.summary.create_file_writer(
        str(job_dir / EVENTS), filename_suffix=f".{line['against']}"
    )
    with writer.as_default(step=line["step"]):
        for name, value in line.items():
            if isinstance(value, float):
                tf.summary.scalar(f"{_TAGS[line['against']]}/{name}", value)
    writer.close()
    with open(job_dir / EVALUATIONS_FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def cut(job_dir: Path, step: int) -> None:
    """Drops what a training measured of itself after `step`."""
    path = job_dir / EVALUATIONS_FILE
    lines = records.read_lines(path)
    kept = [line for line in lines if line["against"] != TRAIN or line["step"] <= step]
    if len(kept) < len(lines):
        storage.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
    events.cut(job_dir / EVENTS, step, f"*.{TRAIN}")


def best_step(job_dir: Path, num: int) -> int | None:
    """The step with the least Frechet distance among a training's evaluations of `num` images."""
    lines = [line for line in read(job_dir, TRAIN) if line["num"] == num]
    best = min(lines, key=lambda line: (line["classifier_fid"], line["step"]), default=None)
    return None if best is None else int(best["step"])
