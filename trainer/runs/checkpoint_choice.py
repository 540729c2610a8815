"""What `--checkpoint` names: `latest`, `best`, a step, or a path without suffix.

Reads no checkpoint, and needs no TensorFlow.
"""

from __future__ import annotations

from pathlib import Path

from trainer.configuration.choices import LATEST
from trainer.runs import checkpoint_files
from trainer.runs.checkpoint_files import BEST
from trainer.system.exits import RefusedError


def check(folder: Path, choice: str) -> None:
    """Refuses a choice of which a folder of checkpoints has no file.

    Raises:
      RefusedError: with the steps that there are.
    """
    if searched(folder, choice):
        found = checkpoint_files.steps(folder / BEST)
        if choice == LATEST:
            found += checkpoint_files.steps_of_any_file(folder)
        if not found:
            raise none_there(folder, choice)
    elif not checkpoint_files.has_index(path_of(folder, choice)):
        existing = ", ".join(map(str, checkpoint_files.complete(folder))) or "none"
        raise RefusedError(f"--checkpoint={choice} does not exist; there are {existing}")


def searched(folder: Path, choice: str) -> Path | None:
    """The folder whose newest checkpoint is meant; None: the choice names one."""
    return {LATEST: folder, BEST: folder / BEST}.get(choice)


def none_there(folder: Path, choice: str) -> RefusedError:
    """The refusal of `latest` or `best` where there is none."""
    missing = "checkpoint" if choice == LATEST else "evaluated checkpoint"
    return RefusedError(f"{folder} holds no {missing}: train first, or for longer")


def path_of(folder: Path, choice: str) -> Path:
    """The prefix of the checkpoint that a step, perhaps that of the best, or a path names."""
    if not choice.isdecimal():
        return Path(choice)
    step = int(choice)
    return checkpoint_files.complete(folder).get(step, checkpoint_files.prefix(folder, step))


def belongs_to_run(folder: Path, choice: str) -> bool:
    """Whether the choice is one of the run's own checkpoints."""
    if searched(folder, choice) or choice.isdecimal():
        return True
    folder = folder.resolve()
    return Path(choice).resolve().parent in (folder, folder / BEST)
