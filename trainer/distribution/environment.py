"""What a run computes on: versions and devices, on which its bits depend."""

from __future__ import annotations

import logging
import os
import zlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer import __version__
from trainer.configuration.config import Runtime
from trainer.system import processor

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]
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
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "processor": processor_name(),
        "replicas": replicas,
        "threads": runtime.threads,
        "deterministic": runtime.deterministic,
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def code() -> int:
    """A checksum of this package's code: one version's image may have been built twice."""
    checksum = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        checksum = zlib.crc32(path.read_bytes(), zlib.crc32(path.name.encode(), checksum))
    return checksum


def warn_of_changes(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Says what is different from the run's first start."""
    before, now = ({**each, **each.get("switches", {})} for each in (before, now))
    changes = [
        f"{key} {before.get(key, 'not set')} -> {now.get(key, 'not set')}"
        for key in sorted({**before, **now}.keys() - {"switches"})
        if before.get(key) != now.get(key)
    ]
    if changes:
        log.warning(
            "%s: the bits may differ from those of a run that was left alone", ", ".join(changes)
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
        log.warning("no bfloat16 instructions are known of here: a run in float32 may be faster")


def processor_name() -> str:
    """The model of the GPU, or of the processor."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return processor.model()
