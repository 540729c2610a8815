#!/usr/bin/env python3
"""Trains variants of recipes under equal budgets and compares the pictures.

    python scripts/sweep.py OUTPUT_DIR BUDGET NAME[=FLAG[ FLAG...]]...

BUDGET is a number of images, or of minutes of processor time, over all cores, as in 15cpu.

Writes a line a variant to OUTPUT_DIR/sweep.jsonl, and its grid. The distance is Frechet's between
the features of 10,000 fakes and of the 10,000 test images, in a small classifier that the script
trains first and keeps; "accuracy" is how often it sees the label that was asked for. Compare these
figures within one sweep only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainer import cluster, flags, pictures
from trainer.config import Recipe, images_a_step
from trainer.data import DATASETS, feeding, loading, order, pixels
from trainer.data.feeding import Feed
from trainer.gan import FashionGAN
from trainer.models import cost
from trainer.randomness import Draws
from trainer.steps import TrainSteps, make_train_steps

FAKES = 10_000
STEPS_A_LOOP = 20
Sample = tuple[np.ndarray, np.ndarray]  # uint8 images, labels


def main(output: Path, budget: str, variants: dict[str, list[str]]) -> None:
    """Runs the variants one after the other."""
    output.mkdir(parents=True, exist_ok=True)
    configs = {
        name: flags.train(["train", f"--job_dir={output}", *extra])
        for name, extra in variants.items()
    }
    first = next(iter(configs.values()))
    cluster.configure(first.runtime)
    classifier = trained_classifier(output / "classifier.keras", first.data_dir)
    features = keras.Model(classifier.inputs, classifier.get_layer("features").output)
    real, _ = loading.load(DATASETS["fashion_mnist"], "test", first.data_dir)
    for name, config in configs.items():
        started, cpu = time.monotonic(), time.process_time()
        gan, seen = train(config.recipe, config.data_dir, budget)
        figures = {
            "name": name,
            "flags": variants[name],
            "images": seen,
            "parameters": [gan.generator.count_params(), gan.discriminator.count_params()],
            "multiply_adds": [
                cost.multiply_adds(net) for net in (gan.generator, gan.discriminator)
            ],
            "minutes": round((time.monotonic() - started) / 60, 2),
            "cpu_minutes": round((time.process_time() - cpu) / 60, 2),
        }
        images, labels = sample(gan)
        distance = frechet(
            features.predict(scaled(images), 500, 0), features.predict(scaled(real), 500, 0)
        )
        classes = classifier.predict(scaled(images), 500, 0).argmax(1)
        shares = np.bincount(classes, minlength=10) / FAKES
        figures |= {
            "distance": round(distance, 2),
            "accuracy": round(float(np.mean(classes == labels)), 3),
            "smallest_share": round(float(shares.min()), 3),
        }
        with open(output / "sweep.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
        print(json.dumps(figures), flush=True)
        pictures.write_png(output / f"{name}.png", pictures.rows(images[:100], labels[:100]))


def train(recipe: Recipe, data_dir: Path, budget: str) -> tuple[FashionGAN, int]:
    """A trained GAN and the images of the data set that it has seen."""
    images, labels = loading.load(recipe.data, "train", data_dir)
    feed = feeding.feed(images, labels, ["/cpu:0"])
    if budget.endswith("cpu"):
        horizon = int(60 * float(budget.removesuffix("cpu")) / cpu_seconds_a_step(recipe, feed))
    else:
        horizon = int(budget) // images_a_step(recipe)
    gan = FashionGAN(recipe, horizon)
    steps = make_train_steps(gan, tf.distribute.OneDeviceStrategy("/cpu:0"), feed)
    for step in range(0, horizon, STEPS_A_LOOP):
        means = run_steps(steps, recipe, feed, step, min(STEPS_A_LOOP, horizon - step))
        if step // STEPS_A_LOOP % 20 == 0:
            print(step, horizon, [round(float(x), 3) for x in means], flush=True)
    return gan, horizon * images_a_step(recipe)


def cpu_seconds_a_step(recipe: Recipe, feed: Feed) -> float:
    """Processor time of a step, over all cores, once the graph is traced."""
    gan = FashionGAN(recipe, 1000)
    steps = make_train_steps(gan, tf.distribute.OneDeviceStrategy("/cpu:0"), feed)
    run_steps(steps, recipe, feed, 0, 2)
    started = time.process_time()
    run_steps(steps, recipe, feed, 2, STEPS_A_LOOP)
    return (time.process_time() - started) / STEPS_A_LOOP


def run_steps(steps: TrainSteps, recipe: Recipe, feed: Feed, step: int, count: int) -> np.ndarray:
    """The means of the metrics of some steps."""
    rows = order.batches(recipe.seed, feed.examples, images_a_step(recipe), step, count)
    means, first_bad = steps(*feed.send(rows))
    if first_bad >= 0:
        raise SystemExit(f"not finite at step {int(first_bad)}")
    return means.numpy()


def sample(gan: FashionGAN) -> Sample:
    """Fakes and the labels that were asked for."""
    draws = Draws(1, 0, 0, FAKES).normal("sweep", gan.recipe.networks.noise_dim)
    labels = tf.range(FAKES) % 10
    draw = tf.function(gan.sample)
    parts = [
        pixels.to_bytes(draw(draws[i : i + 500], labels[i : i + 500]).numpy(), gan.lowest)
        for i in range(0, FAKES, 500)
    ]
    return np.concatenate(parts), labels.numpy()


def trained_classifier(path: Path, data_dir: Path) -> keras.Model:
    """A small convolutional classifier with a layer `features` of 128 numbers."""
    if path.exists():
        return keras.models.load_model(path)
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, 2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, 2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(128, activation="relu", name="features"),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    images, labels = loading.load(DATASETS["fashion_mnist"], "train", data_dir)
    model.fit(scaled(images), labels, 128, epochs=6, verbose=2)
    images, labels = loading.load(DATASETS["fashion_mnist"], "test", data_dir)
    print("classifier's test accuracy", model.evaluate(scaled(images), labels, 500, 0)[1])
    model.save(path)
    return model


def scaled(images: np.ndarray) -> np.ndarray:
    """uint8 to float32 in [0, 1]."""
    return images.astype(np.float32) / 255


def frechet(left: np.ndarray, right: np.ndarray) -> float:
    """Frechet's distance between Gaussians of features `[N, D]` (Heusel et al. 2017)."""
    means = left.mean(0, np.float64) - right.mean(0, np.float64)
    one, other = np.cov(left, rowvar=False), np.cov(right, rowvar=False)
    # The product's eigenvalues are those of a symmetric matrix, whose roots are safe.
    values, vectors = np.linalg.eigh(one)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ other @ root), 0)).sum()
    return float(means @ means + np.trace(one) + np.trace(other) - 2 * shared)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    wanted = dict(argument.partition("=")[::2] for argument in sys.argv[3:])
    main(Path(sys.argv[1]), sys.argv[2], {name: text.split() for name, text in wanted.items()})
