"""Arrays that evaluations keep, as they take long to make, where they can be kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from trainer.system import file_system

log = logging.getLogger(__name__)


def keep(path: Path, arrays: Mapping[str, np.ndarray]) -> bool:
    """Writes a whole .npz file, or says that it cannot be kept; returns whether it is there."""

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    try:
        file_system.write_atomically(path, write)
    except OSError as error:
        log.info("evaluation: %s cannot be kept (%s)", path, error.strerror)
        return False
    return True
