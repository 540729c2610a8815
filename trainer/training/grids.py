"""Grids of a run: samples as it trains, and real pictures in the same rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.data import order, pixels, reading
from trainer.evaluation import completed_pictures
from trainer.gan import completing, image_batches, sampling, stages
from trainer.gan.networks import label_sizes
from trainer.gan.state import FashionGAN
from trainer.monitoring import image_files, image_grids
from trainer.randomness import BatchRng

COLUMNS = 8  # of a grid
THREES = 3  # in a row, of pictures that are completed
MOST_ROWS = 16  # of classes


def samples(gan: FashionGAN, images: np.ndarray, labels: np.ndarray) -> Callable[[], np.ndarray]:
    """Draws what the generator makes of the run's fixed latents, or of fixed training images.

    Args:
      gan: the GAN.
      images: the training images, uint8.
      labels: theirs, `[N, attributes]`.
    """
    if gan.recipe.completion.masks:
        return _completed(gan, images, labels)
    return _generated(gan, labels)


def seconds(gan: FashionGAN, images: np.ndarray, labels: np.ndarray) -> float:
    """How long a grid takes, once its graph is made: it is drawn, and written twice."""
    draw = samples(gan, images, labels)
    draw()
    started = time.monotonic()
    picture = draw()
    with tempfile.TemporaryDirectory() as folder:
        image_files.write_png(Path(folder, "grid.png"), picture)
        tf.io.encode_png(picture)  # for TensorBoard
    return time.monotonic() - started


def _generated(gan: FashionGAN, real_labels: np.ndarray) -> Callable[[], np.ndarray]:
    """Draws the run's fixed latents: a grid, of a conditional generator with a row a value.

    Args:
      gan: the GAN.
      real_labels: of the training images, `[N, attributes]`.
    """
    recipe = gan.recipe
    sizes = label_sizes(recipe)
    rows = min(sizes[0], MOST_ROWS) if sizes else COLUMNS
    number, dimensions = rows * COLUMNS, recipe.networks.noise_dim
    latents = BatchRng(recipe.seed, 0, 0, number).normal("samples", dimensions)
    labels = tf.constant(sampling.labels_by_row(real_labels, rows, COLUMNS), tf.int32)
    sample = stages.sampler(gan)
    batch = image_batches.size(recipe.data.image_shape)

    def draw() -> np.ndarray:
        images = np.concatenate(
            [
                sample(latents[at : at + batch], labels[at : at + batch], at)
                for at in range(0, number, batch)
            ]
        )
        picture = image_grids.grid(pixels.to_bytes(images, gan.pixel_min), COLUMNS)
        return image_grids.with_row_names(picture, _row_names(recipe, rows))

    return draw


def _completed(gan: FashionGAN, images: np.ndarray, labels: np.ndarray) -> Callable[[], np.ndarray]:
    """Draws some training images in threes: what is known, its completion, the image itself.

    Args:
      gan: the GAN.
      images: the training images, uint8.
      labels: theirs, `[N, attributes]`.
    """
    recipe = gan.recipe
    names, drawn = _row_names(recipe, MOST_ROWS), order.permutation(recipe.seed, 0, len(images))
    if names:
        of_rows = [drawn[labels[drawn, 0] == value][:THREES] for value in range(len(names))]
    else:
        of_rows = list(np.resize(drawn, (COLUMNS, THREES)))
    # A value without a picture has another's: rows are equally long.
    rows = np.concatenate([np.resize(row if len(row) else drawn, THREES) for row in of_rows])
    asked = completed_pictures.incomplete_pictures(recipe, images, labels, rows)
    complete = tf.function(gan.sample, autograph=False)
    shown = completing.masked(asked.pictures, asked.masks)

    def draw() -> np.ndarray:
        completed = asked.completed(complete, recipe)
        cells = np.stack([shown, completed, asked.pictures], axis=1)
        picture = image_grids.grid(cells.reshape(-1, *cells.shape[2:]), 3 * THREES)
        return image_grids.with_row_names(picture, names)

    return draw


def real(recipe: Recipe, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Real images in the order and the rows of `samples`.

    Args:
      recipe: the run's.
      images: the training images, uint8.
      labels: theirs, `[N, attributes]`.
    """
    sizes = label_sizes(recipe)
    drawn, read = order.permutation(recipe.seed, 0, len(images)), reading.reader(images)
    if not sizes:
        return image_grids.grid(read(drawn[: COLUMNS**2]), COLUMNS)
    rows = min(sizes[0], MOST_ROWS)
    cells = np.full((rows, COLUMNS, *images.shape[1:]), 255, np.uint8)
    values = labels[drawn, 0]
    for value, row in enumerate(cells):
        found = drawn[values == value][:COLUMNS]
        row[: len(found)] = read(found)
    picture = image_grids.grid(cells.reshape(-1, *images.shape[1:]), COLUMNS)
    return image_grids.with_row_names(picture, _row_names(recipe, rows))


def _row_names(recipe: Recipe, rows: int) -> tuple[str, ...]:
    return recipe.data.attributes[0].values[:rows] if recipe.networks.conditional else ()
