#!/usr/bin/env python3
"""Which forms are faster on this machine: prints the row of it for `trainer/models/forms.py`.

    python -m scripts.benchmark.forms [--rounds=15] [--threads=0]

Each form of the table is timed against TensorFlow's own, by turns, in layers of the presets,
forward and back. A form is taken where it is at least 3 % faster over its cases.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from trainer.models import forms
from trainer.models.convolutions import Conv2D, Conv2DTranspose
from trainer.models.forms import BFLOAT16, BOTH, Forms
from trainer.models.layers import BatchNormalization
from trainer.system import cores, processor

FASTER = 0.97
TRIAL, OWN = "trial", "own"  # rows of the table while this runs

Layer = Callable[[], keras.layers.Layer]
# Of each form: a layer, the shape of its inputs, and types of activations.
CASES: dict[str, list[tuple[str, Layer, tuple[int, ...], tuple[str, ...]]]] = {
    "overlap_add": [("sngan's last", lambda: Conv2D(1, 3), (64, 28, 28, 64), BOTH)],
    "strided_overlap_add": [
        ("dcgan's last", lambda: Conv2DTranspose(1, 5, 2), (256, 14, 14, 64), BOTH),
        ("dcgan's first", lambda: Conv2D(64, 5, 2), (256, 28, 28, 1), BOTH),
        ("fashion's last", lambda: Conv2DTranspose(1, 4, 2), (32, 14, 14, 64), BOTH),
    ],
    "forward_kernel_gradients": [
        ("dcgan's second", lambda: Conv2D(128, 5, 2), (512, 14, 14, 64), BFLOAT16),
        ("dcgan's upwards", lambda: Conv2DTranspose(128, 5), (256, 7, 7, 256), BFLOAT16),
        ("fashion's second", lambda: Conv2D(128, 4, 2), (64, 14, 14, 64), BFLOAT16),
    ],
    "batch_norm_kernel": [
        ("dcgan's widest", BatchNormalization, (256, 14, 14, 64), BOTH),
        ("dcgan's dense", BatchNormalization, (256, 12544), BOTH),
    ],
}


def main(arguments: list[str]) -> None:
    """Prints a line a case, then the row."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=0)
    asked = parser.parse_args(arguments)
    tf.config.threading.set_intra_op_parallelism_threads(asked.threads or cores.available())
    row: dict[str, tuple[str, ...]] = {}
    for form, cases in CASES.items():
        forms.FORMS[TRIAL] = dataclasses.replace(Forms(), **{form: BOTH})
        forms.FORMS[OWN] = Forms()
        ratios: dict[str, list[float]] = {dtype: [] for *_, dtypes in cases for dtype in dtypes}
        for name, make, shape, dtypes in cases:
            for dtype in dtypes:
                trial, own = compare(make, shape, dtype, asked.rounds)
                ratios[dtype].append(trial / own)
                print(
                    f"{form:<26} {name:<18} {dtype:<9} {1e3 * trial:8.2f} ms, TensorFlow's "
                    f"{1e3 * own:8.2f} ms: {trial / own:.2f}",
                    flush=True,
                )
        means = {dtype: statistics.geometric_mean(of) for dtype, of in ratios.items()}
        row[form] = tuple(dtype for dtype, mean in means.items() if mean <= FASTER)
    taken = ", ".join(f"{form}={types}" for form, types in row.items() if types)
    print(f'    "{processor.kind()}": Forms({taken}),')


def compare(make: Layer, shape: tuple[int, ...], dtype: str, rounds: int) -> tuple[float, float]:
    """Median seconds of a layer's way forward and back, by the form and by TensorFlow."""
    inputs = tf.constant(np.random.default_rng(0).normal(size=shape), dtype)
    steps = {row: _step(row, make, inputs, dtype) for row in (TRIAL, OWN)}
    seconds: dict[str, list[float]] = {row: [] for row in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for row, step in steps.items():
            started = time.perf_counter()
            step()
            seconds[row].append(time.perf_counter() - started)
    return statistics.median(seconds[TRIAL]), statistics.median(seconds[OWN])


def _step(row: str, make: Layer, inputs: tf.Tensor, dtype: str) -> Callable[[], None]:
    """A traced way forward and back, which waits for its result."""
    forms.use(row)
    keras.config.set_dtype_policy("float32" if dtype == "float32" else "mixed_bfloat16")
    layer = make()
    outputs = layer(inputs)
    given = tf.ones_like(outputs)

    @tf.function(autograph=False)
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
        weights = [variable.value for variable in layer.trainable_variables]
        gradients = tape.gradient(outputs, [inputs, *weights], given)
        return tf.stack([tf.cast(tf.reduce_max(each), tf.float32) for each in gradients])

    step()
    return lambda: step().numpy()


if __name__ == "__main__":
    main(sys.argv[1:])
