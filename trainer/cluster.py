"""Devices and the distribution strategy over them."""

from __future__ import annotations

import logging

import tensorflow as tf

from trainer.config import Runtime
from trainer.exits import RefusedError

log = logging.getLogger(__name__)


def configure(runtime: Runtime) -> None:
    """Sets threads, virtual devices and determinism. Call before anything touches a device."""
    tf.config.threading.set_intra_op_parallelism_threads(runtime.threads)
    if runtime.virtual_devices > 1:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * runtime.virtual_devices,
        )
    if runtime.deterministic:
        tf.config.experimental.enable_op_determinism()


def make_strategy(runtime: Runtime) -> tf.distribute.Strategy:
    """The strategy over all GPUs, or over the virtual devices, or over one device.

    Raises:
      RefusedError: a mirrored strategy was asked for where there is nothing to mirror on.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if runtime.virtual_devices > 1:
        devices = tf.config.list_logical_devices("CPU")[: runtime.virtual_devices]
    else:
        devices = gpus or tf.config.list_logical_devices("CPU")[:1]
    if runtime.strategy == "one_device":
        devices = devices[:1]
    if runtime.strategy == "mirrored" and len(devices) < 2 and not gpus:
        raise RefusedError(
            "--strategy=mirrored finds no GPU: add --virtual_devices=2, or use --strategy=auto"
        )
    names = [device.name for device in devices]
    log.info(
        "devices: %d %s%s, %d threads",
        len(names),
        devices[0].device_type,
        " (virtual)" if runtime.virtual_devices > 1 else "",
        runtime.threads,
    )
    if len(names) > 1 or runtime.strategy == "mirrored":
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.OneDeviceStrategy(names[0])
