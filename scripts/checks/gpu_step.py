"""Steps in a process of their own, for `scripts.checks.gpu`.

    python -m scripts.checks.gpu_step

prints the losses of a first step on one device and on two logical ones of it, as JSON.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.configuration import config, flags
from trainer.data import feeding, loading
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.state import FashionGAN
from trainer.gan.training_step import METRICS

SECONDS = 3.0  # of what is measured
LOOP_SECONDS = 0.5


def speed(preset: str, batch: int, precision: str, compiled: bool) -> dict[str, float]:
    """Images a second, and the most memory of the device in MiB, where it tells."""
    tf.config.experimental.enable_op_determinism()
    given = [f"--preset={preset}", f"--batch_size={batch}", f"--precision={precision}"]
    started = time.monotonic()
    train, images = steps_of(given, tf.distribute.OneDeviceStrategy(device()), compiled)
    train(1)
    first = time.monotonic() - started
    train(4)
    count, steps, began = 4, 0, time.monotonic()
    while (spent := time.monotonic() - began) < SECONDS:
        loop = train(count)
        steps += count
        count = max(4, int(count * LOOP_SECONDS / loop)) // 4 * 4
    memory = {}
    if tf.config.list_physical_devices("GPU"):
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        memory = {"memory_mib": peak / 2**20}
    return {
        "images_per_second": steps * images / spent,
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
        found[name] = [float(value) for value in means_of(given, strategy)[:5]]
    return found


def means_of(given: list[str], strategy: tf.distribute.Strategy) -> tf.Tensor:
    """The metrics of a first step."""
    gan, feed = made(given, strategy)
    rows = np.arange(config.images_a_step(gan.recipe), dtype=np.int32)[np.newaxis]
    means, _ = make_train_steps(gan, strategy, feed)(*feed.send(rows))
    assert len(means) == len(METRICS)
    return means


def steps_of(given: list[str], strategy: tf.distribute.Strategy, compiled: bool):
    """A function that trains for some steps and returns the seconds; and the images a step."""
    gan, feed = made(given, strategy)
    train_steps = make_train_steps(gan, strategy, feed, compiled)
    images = config.images_a_step(gan.recipe)

    def train(steps: int) -> float:
        rows = np.arange(steps * images, dtype=np.int32).reshape(steps, images) % feed.examples
        started = time.monotonic()
        train_steps(*feed.send(rows))[0].numpy()
        return time.monotonic() - started

    return train, images


def made(given: list[str], strategy: tf.distribute.Strategy) -> tuple[FashionGAN, feeding.Feed]:
    """The state and the data of a recipe on `synthetic`."""
    recipe = flags.train(["train", "--job_dir=x", "--dataset=synthetic", *given]).recipe
    with strategy.scope():
        gan = FashionGAN(recipe, 10**6)
    images, labels = loading.load(recipe.data, "train", Path("unused"), Path("unused"))
    return gan, feeding.feed(images, labels, strategy.extended.worker_devices)


def device() -> str:
    """The first GPU, or the processor."""
    return "/gpu:0" if tf.config.list_physical_devices("GPU") else "/cpu:0"


if __name__ == "__main__":
    print(json.dumps(split()))
