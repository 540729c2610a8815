"""evaluations.jsonl and tensorboard/eval: results of a run's own evaluations and of `evaluate`.

Reading them does without TensorFlow, which takes seconds to import.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from trainer import run_layout
from trainer.configuration import step_counts
from trainer.configuration.config import Recipe
from trainer.run_layout import EVALUATIONS, TEST, TRAIN
from trainer.runs import records, tags
from trainer.runs.figures import FRECHET
from trainer.system import file_system

_PROTOCOL = ("num", "features_sha256")  # how it was measured
# Prefixes of TensorBoard's tags, one a split, for one prefix is one curve. Results that were got
# otherwise than the first ones have a prefix that says how.
_TAGS = {TRAIN: "evaluation", TEST: "test"}
_USUAL = {"num": 10_000, "seed": 0}  # of `evaluate`
_SHOWN = 20  # letters
_SAID, _DIGESTS = ("num", "seed", "features"), ("features_sha256", "judge_sha256")


def read(job_dir: Path, against: str) -> list[dict[str, Any]]:
    """The evaluations against the images of a split, in the order in which they were made."""
    lines = records.read_lines(job_dir / EVALUATIONS, "against")
    return [line for line in lines if line["against"] == against]


def check_writable(job_dir: Path) -> None:
    """Refuses a run directory in which nothing can be recorded; creates nothing.

    Raises:
      RefusedError: it is not writable.
    """
    file_system.check_folder(job_dir, "job_dir")
    file_system.check_folder(job_dir / run_layout.EVALUATION_EVENTS, "job_dir")


def add(job_dir: Path, result: dict[str, Any]) -> None:
    """Records an evaluation.

    Args:
      job_dir: the run directory.
      result: `step`, `against`, the protocol and the metrics; TensorBoard gets the floats.
    """
    _write_events(job_dir, result)
    with _locked(job_dir), _opened(job_dir) as file:
        file.seek(0)
        written = file.read()
        # A kill may have left an incomplete last line, to which the new one must not be appended.
        separator = "\n" if written and not written.endswith("\n") else ""
        file.write(f"{separator}{json.dumps(result)}\n")


def _opened(job_dir: Path) -> IO[str]:
    path = file_system.regular(job_dir / EVALUATIONS)
    return open(path, "a+", encoding="utf-8", errors="replace")


def _prefix(job_dir: Path, result: dict[str, Any]) -> str:
    """The prefix of a result's tags: that of the first results, or one that says how it differs."""
    prefix = _TAGS[result["against"]]
    first = next(iter(read(job_dir, result["against"])), result)
    if result["against"] == TEST:
        first = {**first, **_USUAL}
    said, digests = (
        [f"{name} {str(result[name])[:_SHOWN]}" for name in names if _differs(name, result, first)]
        for names in (_SAID, _DIGESTS)
    )
    # A digest says nothing to people, where another difference does.
    return f"{prefix} ({', '.join(said or digests)})" if said or digests else prefix


def _differs(name: str, result: dict[str, Any], first: dict[str, Any]) -> bool:
    """Whether it was got otherwise; results of earlier versions do not say all."""
    return name in result and name in first and result[name] != first[name]


def _write_events(job_dir: Path, result: dict[str, Any]) -> None:
    import tensorflow as tf

    prefix = _prefix(job_dir, result)
    # One file per evaluation, so that no two processes write to the same file.
    writer = tf.summary.create_file_writer(
        str(job_dir / run_layout.EVALUATION_EVENTS), filename_suffix=f".{result['against']}"
    )
    with writer.as_default(step=result["step"]):
        for name, value in result.items():
            if isinstance(value, float):
                tag = f"{prefix}/{name}"
                tf.summary.scalar(tag, value, description=tags.described(tag))
    writer.close()


def trim(job_dir: Path, step: int) -> None:
    """Removes the results of the run's own evaluations after `step`."""
    from trainer.runs import event_files

    path = job_dir / EVALUATIONS
    if path.exists():
        with _locked(job_dir):
            lines = records.read_lines(path, "against")
            kept = [line for line in lines if line["against"] != TRAIN or line["step"] <= step]
            records.write_lines(path, kept)
    event_files.trim(job_dir / run_layout.EVALUATION_EVENTS, step, f"*.{TRAIN}")


@contextmanager
def _locked(job_dir: Path) -> Iterator[None]:
    """Locks the file, not the run, whose lock a training process holds until it ends."""
    folder = job_dir / run_layout.EVALUATION_EVENTS
    folder.mkdir(parents=True, exist_ok=True)
    with file_system.locked(folder, "job_dir"):
        yield


def distances(job_dir: Path, protocol: dict[str, Any] | None = None) -> list[tuple[int, float]]:
    """Steps and Fréchet distances of a run's own evaluations, in the order of the steps.

    Of those that were made alike, for others cannot be compared: by `protocol`, or as the last one.
    """
    lines = read(job_dir, TRAIN)
    if protocol is None:
        protocol = {name: lines[-1].get(name) for name in _PROTOCOL} if lines else {}
    measured: dict[int, Any] = {
        each["step"]: each.get(FRECHET)
        for each in lines
        if all(each.get(name) == value for name, value in protocol.items())
    }
    return sorted((step, value) for step, value in measured.items() if isinstance(value, float))


def best(
    job_dir: Path,
    recipe: Recipe,
    protocol: dict[str, Any] | None = None,
    among: Collection[int] | None = None,
) -> tuple[int, float] | None:
    """Step and distance of the nearest of these, once all sides of its networks are there.

    Args:
      job_dir: the run directory.
      recipe: the run's.
      protocol: as for `distances`.
      among: steps that may be it; all unless given.
    """
    first = step_counts.full_grown_step(recipe)
    whole = [
        (step, distance)
        for step, distance in distances(job_dir, protocol)
        if step >= first and (among is None or step in among)
    ]
    return min(whole, key=lambda each: (each[1], each[0]), default=None)
