"""Devices, and the distribution strategy over them and over all workers."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import os
import time
from collections.abc import Iterator

import tensorflow as tf

from trainer.configuration.config import Runtime
from trainer.distribution import heartbeats, rendezvous
from trainer.distribution.cluster_spec import GPUS, Worker
from trainer.distribution.collectives import WorkerGroup
from trainer.plurals import counted
from trainer.system import determinism, file_errors, process_image, reexec, signals, watchdog
from trainer.system.exits import RefusedError, first_line

log = logging.getLogger(__name__)

# Of TensorFlow's joining: a peer may die while it waits for it.
FORMING_SECONDS = 45
# What an operation raises whose peers cannot be reached, or have given it up.
_UNREACHABLE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


def configure(runtime: Runtime) -> None:
    """Sets threads, virtual devices and determinism. Call before anything touches a device."""
    tf.config.threading.set_intra_op_parallelism_threads(runtime.threads)
    if runtime.virtual_devices > 1:
        tf.config.set_visible_devices([], "GPU")  # which this run does not use
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * runtime.virtual_devices,
        )
    if runtime.deterministic:
        determinism.enable()


def check_gpus() -> None:
    """Ends on a machine with GPUs that TensorFlow does not see: it would train on processors.

    Raises:
      RefusedError: there is nothing to use a GPU with, on no machine; with what to do.
      RuntimeError: this machine's do not work. Another's may, so a Job tries a few.
    """
    given, seen = os.environ.get(GPUS, "0"), len(tf.config.list_physical_devices("GPU"))
    if not given.isdecimal() or seen >= int(given):
        return
    said = f"{GPUS}={given} says that there are that many GPUs, but TensorFlow sees {seen}"
    if importlib.util.find_spec("nvidia") is None:
        raise RefusedError(
            f"{said}: build the image with --build-arg LOCK=requirements-cuda.lock, which adds "
            "CUDA's libraries"
        )
    raise RuntimeError(f"{said}: check this machine's driver")


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
        "devices: %d %s%s, %s",
        len(names),
        devices[0].device_type,
        " (virtual)" if runtime.virtual_devices > 1 else "",
        counted(runtime.threads, "thread"),
    )
    if len(names) > 1 or runtime.strategy == "mirrored":
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.OneDeviceStrategy(names[0])


@contextlib.contextmanager
def joined_cluster(runtime: Runtime, worker: Worker, rejoin: int) -> Iterator[WorkerGroup]:
    """Within, this process trains with all other workers; when one is lost, all leave.

    Args:
      runtime: where and how the computation runs.
      worker: this one.
      rejoin: how often in a row this process starts itself anew, instead of leaving.

    Raises:
      InterruptedRun: not all of them came in time.
    """
    configure(runtime)
    check_gpus()
    workers = len(worker.addresses)
    if workers == 1:
        yield WorkerGroup(make_strategy(runtime), 0, 1)
        return
    before = process_image.restarts_in_a_row()
    again = f", started anew in place, {before} of {rejoin}" if before else ""
    log.info("worker %d of %d%s: waiting for the others", worker.index, workers, again)
    leave = functools.partial(reexec.restart_or_exit, most=rejoin)
    connected = heartbeats.connected(worker, runtime.cluster_timeout, leave)
    with connected, _leaving_a_broken_group(leave):
        log.info("all workers are there")
        strategy = _multi_worker_strategy(worker, rejoin)
        here = strategy.extended.worker_devices
        log.info("devices: %d on each of %d workers, %s", len(here), workers, here[0])
        yield WorkerGroup(strategy, worker.index, workers)


def _multi_worker_strategy(worker: Worker, rejoin: int) -> tf.distribute.Strategy:
    """TensorFlow's strategy over workers that are all there."""
    os.environ["TF_CONFIG"] = worker.tf_config()
    # gRPC would ask a proxy for its peers.
    hosts = [address.rpartition(":")[0] for address in worker.addresses]
    os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("no_proxy"), *hosts]))
    command = reexec.permitted_command(rejoin)
    then = "leaving, run the same command again" if command is None else "starting anew in place"
    late = f"the group has not formed within {FORMING_SECONDS} s: {then}"
    with watchdog.time_limit(FORMING_SECONDS, late, command):
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    signals.install_handlers()  # TensorFlow has made SIGTERM its own
    return strategy


@contextlib.contextmanager
def _leaving_a_broken_group(leave: heartbeats.Leave) -> Iterator[None]:
    """Tells what TensorFlow raises for a lost worker from a defect.

    It may be any of its errors, raised before heartbeats cease: they get time to say who is lost.
    Two workers that have lost each other alone both still hear the chief. Of them TensorFlow says
    that the other cannot be reached, which is no defect either.

    Args:
      leave: called with the reason, when the network between two workers is lost.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if file_errors.refusal(error):  # of this machine's disk, not of another worker
            raise
        log.warning("%s; waiting to see whether a worker is lost", first_line(error))
        time.sleep(rendezvous.SILENCE_SECONDS + 2 * heartbeats.LINGER_SECONDS)
        if isinstance(error, _UNREACHABLE):
            # Somebody's defect may be behind it, whose process then ends first.
            time.sleep(heartbeats.LINGER_SECONDS)
            leave("the connection between two workers is lost")
        raise
