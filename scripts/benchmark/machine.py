"""What was measured on, and with which versions."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

import tensorflow as tf

from scripts.benchmark.settings import Settings
from trainer.distribution.environment import has_bfloat16_instructions, processor_name
from trainer.system import processor

PACKAGES = ("tensorflow", "keras", "numpy", "torch", "jax", "jaxlib", "flax", "optax")


def describe(settings: Settings) -> dict[str, Any]:
    """The machine; the load is that of the minute before, in which another part may have ended."""
    return {
        "kind": processor_name() if settings.device == "gpu" else processor.kind(),
        "processor": processor_name(),
        "device": settings.device,
        "bfloat16": has_bfloat16_instructions(),
        "cores": os.cpu_count(),
        "threads": settings.threads,
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def has_gpu() -> bool:
    """Whether TensorFlow sees one."""
    return bool(tf.config.list_physical_devices("GPU"))


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
