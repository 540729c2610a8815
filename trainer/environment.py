"""What a run computes on: versions and devices, on which its bits depend."""

from __future__ import annotations

import logging
import platform
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer import __version__
from trainer.config import Runtime

log = logging.getLogger(__name__)


def describe(runtime: Runtime, replicas: int) -> dict[str, Any]:
    """What config.json keeps of it."""
    return {
        "fashion_gan": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "processor": processor(),
        "replicas": replicas,
        "threads": runtime.threads,
        "deterministic": runtime.deterministic,
    }


def warn_of_changes(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Says what is different from the run's first start."""
    changes = [
        f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]
    ]
    if changes:
        log.warning(
            "%s: the bits may differ from those of a run that was left alone", ", ".join(changes)
        )


def processor() -> str:
    """The model of the GPU, or of the processor."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    described = Path("/proc/cpuinfo")  # Linux; elsewhere Python knows
    if described.exists():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
