"""What a run computes on: versions and devices, on which its bits depend."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import PIL
import tensorflow as tf

from trainer import __version__
from trainer.configuration.config import Runtime
from trainer.system import processor

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
_STEP_FILES = (  # beside the folders that a step is made of
    "randomness.py",
    "configuration/completion.py",
    "configuration/growth.py",
    "configuration/step_counts.py",
    "system/determinism.py",
)
# Environment variables by which TensorFlow, oneDNN, XLA, cuDNN and cuBLAS compute other bits.
SWITCHES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "TF_CUDNN_DETERMINISTIC",
    "TF_CUDNN_USE_AUTOTUNE",
    "TF_CUDNN_USE_FRONTEND",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_ENABLE_WINOGRAD_NONFUSED",
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR",
    "TF_SET_ONEDNN_FPMATH_MODE",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)


def describe(runtime: Runtime, replicas: int) -> dict[str, Any]:
    """What config.json keeps of it."""
    return {
        "fashion_gan": __version__,
        "step_code": step_code(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,  # by which a folder's pictures become pixels
        "cuda": _cuda_versions(),
        "processor": processor_name(),
        "replicas": replicas,
        "threads": runtime.threads,
        "deterministic": runtime.deterministic,
        "switches": _switches(),
    }


def what_rounds() -> str:
    """What decides the bits of a network's outputs here, threads aside."""
    parts = (tf.__version__, processor.kind(), processor_name(), _cuda_versions(), _switches())
    return " ".join(map(str, parts))


def _switches() -> dict[str, str]:
    return {name: os.environ[name] for name in SWITCHES if name in os.environ}


def code() -> int:
    """A checksum of this package's code: one version's image may have been built twice."""
    return _checksum(PACKAGE.rglob("*.py"))


def step_code() -> str:
    """A checksum of the code that a step's bits depend on, and of little else."""
    names = ("data", "gan", "models")
    files = [path for name in names for path in (PACKAGE / name).rglob("*.py")]
    return f"{_checksum([*files, *(PACKAGE / name for name in _STEP_FILES)]):08x}"


def _checksum(paths: Iterable[Path]) -> int:
    checksum = 0
    for path in sorted(paths):
        checksum = zlib.crc32(path.read_bytes(), zlib.crc32(path.name.encode(), checksum))
    return checksum


def _cuda_versions() -> str:
    """Of CUDA's libraries as packages, where TensorFlow sees a GPU."""
    if not tf.config.list_physical_devices("GPU"):
        return ""
    installed = {
        f"{each.name} {each.version}"
        for each in importlib.metadata.distributions()
        if each.name and "nvidia" in each.name  # an interrupted installation leaves nameless ones
    }
    return " ".join(sorted(installed))


def warn_of_changes(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Says what is different from the run's first start, as far as that was recorded."""
    recorded = before.keys() & now.keys() - {"switches"}
    pairs = {key: (before[key], now[key]) for key in recorded}
    then, here = (each.get("switches", {}) for each in (before, now))
    pairs |= {key: (then.get(key, "not set"), here.get(key, "not set")) for key in {**then, **here}}
    changes = [f"{key} {was} -> {is_}" for key, (was, is_) in sorted(pairs.items()) if was != is_]
    if changes:
        log.warning(
            "%s: the bits may differ from those of an uninterrupted run", ", ".join(changes)
        )


def has_bfloat16_instructions() -> bool:
    """Whether this machine is known to have instructions for it. Elsewhere it is emulated."""
    gpus = tf.config.get_visible_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return details.get("compute_capability", (0, 0)) >= (8, 0)
    return processor.has_bfloat16()


def warn_of_slow_bfloat16(precision: str) -> None:
    """Says so where it may be emulated."""
    if precision == "bfloat16" and not has_bfloat16_instructions():
        log.warning("no bfloat16 instructions are known here: a run in float32 may be faster")


def processor_name() -> str:
    """The model of the GPU, or of the processor."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return processor.model()
