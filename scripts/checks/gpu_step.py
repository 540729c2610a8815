"""Steps in a process of their own, for `scripts.checks.gpu`.

    python -m scripts.checks.gpu_step

prints the losses of a first step on one device and on two logical ones of it, as JSON.
"""

from __future__ import annotations

import json
import time

import tensorflow as tf

from scripts.checks import trainings
from trainer.system import determinism
from trainer.training.trial import Trial

SECONDS = 3.0  # of what is measured
LOOP_SECONDS = 0.5


def speed(preset: str, batch: int, precision: str, compiled: bool) -> dict[str, float]:
    """Images a second, and the most memory of the device in MiB, where it tells."""
    determinism.enable()
    given = [f"--preset={preset}", f"--batch_size={batch}", f"--precision={precision}"]
    started = time.monotonic()
    trial = trial_of(given, tf.distribute.OneDeviceStrategy(device()), compiled)
    trial.train(1)
    first = time.monotonic() - started
    trial.train(4)
    count, steps, spent, began = 4, 0, 0.0, time.monotonic()
    while spent < SECONDS:
        trial.train(count)
        steps += count
        before, spent = spent, time.monotonic() - began
        count = max(4, int(count * LOOP_SECONDS / (spent - before))) // 4 * 4
    memory = {}
    if tf.config.list_physical_devices("GPU"):
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        memory = {"memory_mib": peak / 2**20}
    return {
        "images_per_second": steps * trial.images_a_step / spent,
        "first_step_seconds": round(first, 1),
        **memory,
    }


def split() -> dict[str, list[float]]:
    """The first step's losses on one device, and on two logical ones of it."""
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    limits = [
        tf.config.LogicalDeviceConfiguration(memory_limit=4096 if kind == "GPU" else None)
        for _ in range(2)
    ]
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices(kind)[0], limits)
    names = [logical.name for logical in tf.config.list_logical_devices(kind)][:2]
    found = {}
    for name, strategy in (
        ("two", tf.distribute.MirroredStrategy(names)),
        ("one", tf.distribute.OneDeviceStrategy(names[0])),
    ):
        given = ["--preset=mlp", "--batch_size=64", "--precision=float32"]
        found[name] = [float(value) for value in trial_of(given, strategy).train(1)[:5]]
    return found


def trial_of(given: list[str], strategy: tf.distribute.Strategy, compiled: bool = False) -> Trial:
    """Of a recipe on `synthetic`."""
    recipe = trainings.recipe(*given)
    return Trial(recipe, strategy, *trainings.examples(recipe), compiled)


def device() -> str:
    """The first GPU, or the processor."""
    return "/gpu:0" if tf.config.list_physical_devices("GPU") else "/cpu:0"


if __name__ == "__main__":
    print(json.dumps(split()))
