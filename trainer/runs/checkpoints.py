"""Checkpoints: saving, finding the newest readable one, restoring it completely or not at all."""

from __future__ import annotations

import functools
import logging
import shutil
import time
from pathlib import Path

import tensorflow as tf

from trainer.runs import checkpoint_choice, checkpoint_files, state_variables
from trainer.runs.checkpoint_files import BEST, NAME, prefix, steps
from trainer.runs.state_variables import State, Tensors
from trainer.system import file_errors, file_system
from trainer.system.exits import InterruptedRun, RefusedError, first_line

log = logging.getLogger(__name__)

_VALUE_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


class Checkpoints:
    """The checkpoints of one run, `ckpt-<step>` in its folder."""

    def __init__(self, folder: Path, state: State, keep: int) -> None:
        self._last_save = time.monotonic()
        self._folder = folder
        self._state = state
        self._keep = keep
        self._checkpoint = tf.train.Checkpoint(**state)
        self._manager: tf.train.CheckpointManager | None = None

    def restore_newest(self) -> int | None:
        """Restores the newest readable checkpoint and returns its step; None if there is none.

        Newer, damaged ones are logged and moved to `damaged/`. The copy in `best/` counts, too.

        Raises:
          RefusedError: checkpoints exist but none is readable; one cannot be read for another
            reason than damage; or it belongs to another network.
        """
        found = _find_newest(self._folder)
        if found is None:
            return None
        step, path, tensors = found
        state_variables.assign(self._state, tensors, f"checkpoint {path}")
        for folder in (self._folder, self._folder / BEST):
            for newer in _known_steps(folder):
                if newer > step:
                    self._move_to_damaged(newer, folder)
        if path.parent != self._folder:
            self._move_to_damaged(step, self._folder)
            _copy(step, path.parent, self._folder)
        return step

    def save(self, step: int) -> None:
        """Writes the state as the checkpoint of that step."""
        if self._manager is None:
            self._remove_partial()
            self._write_tensorflow_list()
            self._manager = tf.train.CheckpointManager(
                self._checkpoint, str(self._folder), self._keep, checkpoint_name=NAME
            )
        # TensorFlow's save counter is in the checkpoint, and must not depend on interruptions.
        self._checkpoint.save_counter.assign(step - 1)
        self._manager.save(checkpoint_number=step)
        # At once, for the manager has removed an older one: a power cut must not take both.
        for part in (*self._folder.glob(f"{NAME}-{step}.*"), self._folder):
            file_system.sync(part)
        self._last_save = time.monotonic()

    def keep_best(self, step: int) -> None:
        """Copies a step's checkpoint to `best/`, then removes the old one: one is always complete.

        Does nothing if the checkpoint no longer exists: then the run was resumed from an older one,
        and will evaluate this step again.
        """
        best = self._folder / BEST
        if step not in steps(best):
            if step not in steps(self._folder):
                return
            _copy(step, self._folder, best)
        for older in _known_steps(best):
            if older != step:
                for part in sorted(best.glob(f"{NAME}-{older}.*"), reverse=True):
                    part.unlink()

    def seconds_since_save(self) -> float:
        """Seconds since the last save of this process, or since its start."""
        return time.monotonic() - self._last_save

    def _move_to_damaged(self, step: int, folder: Path) -> None:
        for file in folder.glob(f"{NAME}-{step}.*"):
            damaged = self._folder / "damaged"
            damaged.mkdir(exist_ok=True)
            file.rename(damaged / file.name)

    def _write_tensorflow_list(self) -> None:
        """Rewrites TensorFlow's list of checkpoints, from which its manager starts."""
        lines = []
        for step in _known_steps(self._folder):
            index = Path(f"{prefix(self._folder, step)}.index")
            if index.exists():
                lines.append(f'all_model_checkpoint_paths: "{index.stem}"')
                # Without a timestamp the manager would never remove the checkpoint.
                lines.append(f"all_model_checkpoint_timestamps: {index.stat().st_mtime}")
                newest = f'model_checkpoint_path: "{index.stem}"'
        if lines:
            lines.append(newest)
            file_system.write_text(self._folder / "checkpoint", "\n".join(lines) + "\n")

    def _remove_partial(self) -> None:
        """Removes incomplete files of a killed save or removal."""
        for folder in self._folder.glob(f"{NAME}-*_temp"):
            shutil.rmtree(folder)
        # A removal deletes the index before the data, so data without an index are left over.
        for data in self._folder.glob(f"{NAME}-*.data-*"):
            if not data.with_name(f"{data.name.split('.')[0]}.index").exists():
                data.unlink()


def _copy(step: int, source: Path, target: Path) -> None:
    """Copies a checkpoint, its data before its index."""
    for part in sorted(source.glob(f"{NAME}-{step}.*")):
        file_system.write_atomically(target / part.name, functools.partial(shutil.copyfile, part))


class DamagedError(RefusedError):
    """A checkpoint is missing, incomplete or damaged. Another one may do."""


def read(path: Path) -> Tensors:
    """All tensors of a checkpoint.

    Raises:
      DamagedError: it is missing or damaged.
      RefusedError: it cannot be read for another reason, such as permissions.
    """
    _check_access(path)
    try:
        reader = tf.train.load_checkpoint(str(path))
        return {
            name.removesuffix(_VALUE_SUFFIX).replace(".S", "/"): reader.get_tensor(name)
            for name in reader.get_variable_to_shape_map()
            if name.endswith(_VALUE_SUFFIX)
        }
    except (tf.errors.PermissionDeniedError, tf.errors.ResourceExhaustedError) as error:
        raise RefusedError(f"checkpoint {path} cannot be read now ({first_line(error)})") from error
    except MemoryError:
        raise
    except Exception as error:  # damage causes various errors, even IndexError
        raise DamagedError(f"checkpoint {path} is not readable ({first_line(error)})") from error


def _check_access(path: Path) -> None:
    """Reads the files once, for TensorFlow's errors do not tell damage from a lack of permission.

    Raises:
      RefusedError: the system does not let them be read.
    """
    try:
        parts = list(path.parent.glob(f"{path.name}.*"))
        if not parts:
            raise FileNotFoundError
        for part in parts:
            with file_system.regular(part).open("rb") as file:
                while file.read(2**22):
                    pass
    except FileNotFoundError as error:  # removed meanwhile
        raise DamagedError(f"checkpoint {path} is gone") from error
    except OSError as error:
        if file_errors.passes(error):
            raise InterruptedRun(
                f"{path} cannot be read now ({error.strerror}): run the same command again"
            ) from error
        raise RefusedError(
            f"{error.filename or path} cannot be read ({error.strerror}): make it readable, or "
            "move it away"
        ) from error


def read_newest(folder: Path) -> tuple[int, Tensors] | None:
    """Step and tensors of the newest readable checkpoint; None if there never was one.

    Raises:
      RefusedError: there are checkpoints, and none is readable; or one cannot be read for another
        reason than damage.
    """
    found = _find_newest(folder)
    return None if found is None else (found[0], found[2])


def _find_newest(folder: Path) -> tuple[int, Path, Tensors] | None:
    """The same with its prefix; the copy in `best/` is tried after the checkpoint of its step."""
    candidates = _candidates(folder)
    for step, path in candidates:
        try:
            tensors = read(path)
            if int(tensors.get("training/step", step)) == step:
                return step, path, tensors
            log.warning("checkpoint %s is from step %d", path, tensors["training/step"])
        except DamagedError as error:
            if _candidates(folder) != candidates:  # the run that is trained has replaced it
                return _find_newest(folder)
            log.warning("%s; trying the one before", error)
    if candidates:
        raise RefusedError(f"none of the checkpoints in {folder} is readable: restore one of them")
    return None


def _candidates(folder: Path) -> list[tuple[int, Path]]:
    """Steps and prefixes of what may be read, the newest first."""
    found = [(step, 1, prefix(folder, step)) for step in _known_steps(folder)]
    found += [(step, 0, prefix(folder / BEST, step)) for step in steps(folder / BEST)]
    return [(step, path) for step, _, path in sorted(found, reverse=True)]


def newest_known_step(folder: Path) -> int | None:
    """Step of the newest checkpoint, readable or not."""
    return max(_known_steps(folder), default=None)


def read_chosen(folder: Path, choice: str) -> tuple[str, Tensors]:
    """The checkpoint that a user chose.

    Args:
      folder: the run's checkpoints.
      choice: `latest`, `best`, a step, or a path without suffix.

    Returns:
      A description of the checkpoint for messages, and its tensors.

    Raises:
      RefusedError: there is no such checkpoint, or it is damaged.
    """
    if place := checkpoint_choice.searched(folder, choice):
        found = read_newest(place)
        if found is None:
            raise checkpoint_choice.none_there(folder, choice)
        return f"step {found[0]}", found[1]
    checkpoint_choice.check(folder, choice)
    path = checkpoint_choice.path_of(folder, choice)
    return f"checkpoint {path}", read(path)


def _known_steps(folder: Path) -> list[int]:
    """Steps of all checkpoints with any file, or named in TensorFlow's list, ascending."""
    found = {*checkpoint_files.steps_of_any_file(folder)}
    try:
        file_system.regular(folder / "checkpoint")
        listed = tf.train.get_checkpoint_state(str(folder))
    except Exception as error:  # a damaged list must not hide the checkpoints
        log.warning("%s is damaged: %s", folder / "checkpoint", error)
        listed = None
    if listed is not None:
        number = Path(listed.model_checkpoint_path).name.removeprefix(f"{NAME}-")
        found |= {int(number)} if number.isdecimal() else set()
    return sorted(found)
