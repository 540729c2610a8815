"""evaluations.jsonl and tensorboard/eval: what was measured of a run, by itself and by others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.runs import event_files, records
from trainer.runs.file_names import EVALUATIONS_FILE, TEST, TRAIN
from trainer.system import file_system

EVENTS = Path("tensorboard", "eval")
# TensorBoard's tags begin with it: the two would otherwise be points of one curve.
_TAGS = {TRAIN: "evaluation", TEST: "test"}


def read(job_dir: Path, against: str) -> list[dict[str, Any]]:
    """The evaluations against the images of a split, in the order in which they were made."""
    lines = records.read_lines(job_dir / EVALUATIONS_FILE)
    return [line for line in lines if line["against"] == against]


def check(job_dir: Path) -> None:
    """Refuses a run directory in which nothing can be recorded; makes nothing.

    Raises:
      RefusedError: as the name says.
    """
    file_system.check_folder(job_dir, "job_dir")
    file_system.check_folder(job_dir / EVENTS, "job_dir")


def add(job_dir: Path, line: dict[str, Any]) -> None:
    """Records an evaluation.

    Args:
      job_dir: the run directory.
      line: `step`, `against` and the figures, of which TensorBoard gets the numbers.
    """
    _write_events(job_dir, line)
    with _alone(job_dir), open(job_dir / EVALUATIONS_FILE, "a+", encoding="utf-8") as file:
        file.seek(0)
        written = file.read()
        # What a kill cut short must not take the next line with it.
        separator = "\n" if written and not written.endswith("\n") else ""
        file.write(f"{separator}{json.dumps(line)}\n")


def _write_events(job_dir: Path, line: dict[str, Any]) -> None:
    # A file an evaluation: a training and an evaluation beside it share none.
    writer = tf.summary.create_file_writer(
        str(job_dir / EVENTS), filename_suffix=f".{line['against']}"
    )
    with writer.as_default(step=line["step"]):
        for name, value in line.items():
            if isinstance(value, float):
                tf.summary.scalar(f"{_TAGS[line['against']]}/{name}", value)
    writer.close()


def cut(job_dir: Path, step: int) -> None:
    """Drops what a training measured of itself after `step`."""
    path = job_dir / EVALUATIONS_FILE
    if path.exists():
        with _alone(job_dir):
            lines = records.read_lines(path)
            kept = [line for line in lines if line["against"] != TRAIN or line["step"] <= step]
            file_system.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
    event_files.cut(job_dir / EVENTS, step, f"*.{TRAIN}")


@contextmanager
def _alone(job_dir: Path) -> Iterator[None]:
    """Keeps others from the file, by a lock of its own: a training holds the run's all the time."""
    folder = job_dir / EVENTS
    folder.mkdir(parents=True, exist_ok=True)
    with file_system.exclusive(folder, "job_dir"):
        yield


def best_step(job_dir: Path, protocol: dict[str, Any]) -> int | None:
    """The step with the least Frechet distance among a training's evaluations by this protocol."""
    lines = [line for line in read(job_dir, TRAIN) if protocol.items() <= line.items()]
    best = min(lines, key=lambda line: (line["classifier_fid"], line["step"]), default=None)
    return None if best is None else int(best["step"])
