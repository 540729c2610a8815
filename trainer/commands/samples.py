"""Samples of a trained generator as files: a grid, an animation, arrays, single images."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from trainer.configuration.config import GenerateConfig, Recipe
from trainer.configuration.config_json import RunConfig
from trainer.data import array_files, pixels
from trainer.data.labels import NOT_GIVEN, Labels
from trainer.editing import truncated_styles
from trainer.gan import image_batches, sampling
from trainer.monitoring import image_files, image_grids
from trainer.plurals import counted
from trainer.runs import trained_networks
from trainer.runs.trained_networks import Trained
from trainer.system import activity, memory

log = logging.getLogger(__name__)

_COPIES = 2  # of an animation's frames: ours, and Pillow's
_BYTES_OF_NAMES = 200  # in a file's name, which may have 255


def write(config: GenerateConfig, stored: RunConfig, cycle: Sequence[Labels]) -> None:
    """Draws the samples and writes them.

    Args:
      config: of `generate`.
      stored: the run's configuration.
      cycle: the labels of successive images, from `asked_labels.cycle`.

    Raises:
      RefusedError: the checkpoint is damaged.
    """
    output = config.output
    network = trained_networks.load(stored, config.job_dir, config.checkpoint)
    conditional = network.recipe.networks.conditional
    is_animation = output.suffix == ".gif"
    num = config.num or (8 * len(cycle) if conditional and not is_animation else 64)
    activity.now(f"generating {output.name}")
    if is_animation:
        log.info("generating %d frames from %s", num, network.source)
        image_files.write_gif(output, _frames(network, config, cycle, num))
    else:
        log.info("generating %s from %s", counted(num, "image"), network.source)
        _write_images(network, config, cycle, num)


def _write_images(
    network: Trained, config: GenerateConfig, cycle: Sequence[Labels], num: int
) -> None:
    output, conditional = config.output, network.recipe.networks.conditional
    if output.suffix == ".png":
        rows = min(len(cycle), num) if conditional else math.isqrt(num - 1) + 1
        image_files.check_size(rows, -(-num // rows), network.recipe.data.image_shape)
    generate, truncation = truncated_styles.drawing(network, config.truncation, cycle)
    draw = tf.function(generate, autograph=False)
    batches = sampling.sample_batches(draw, network.recipe, num, config.seed, cycle, truncation)
    if not output.suffix:
        digits = max(5, len(str(num - 1)))
        shown = [in_file_name(labels, network.recipe) for labels in cycle]
        called = (
            "-".join([f"{number:0{digits}d}", *shown[number % len(cycle)], f"seed{config.seed}"])
            for number in range(num)
        )
        drawn = (image for batch in batches for image in batch)
        image_files.write_folder(output, zip(called, drawn, strict=True))
        return
    size = math.prod(network.recipe.data.image_shape) + 4 * network.recipe.networks.noise_dim
    memory.check_room(num * size, "ask for fewer at once, or make --output a folder")
    images = sampling.concatenated(batches, num)
    labels = sampling.cycled_labels(cycle, 0, num).numpy()
    if output.suffix == ".png":
        asked = np.arange(num) % len(cycle)
        picture = image_grids.rows(images, asked) if conditional else image_grids.grid(images)
        names = ["/".join(_named(row, network.recipe)) for row in cycle[:num]]
        image_files.write_png(
            output, image_grids.with_row_names(picture, names if any(names) else [])
        )
    else:
        arrays = {"images": images}
        if truncation == config.truncation:  # styles that were truncated are of no latents
            latents = sampling.latents_in_parts(network.recipe, num, config.seed, truncation)
            arrays |= {
                "latents": sampling.concatenated(latents, num),
                "numbers": np.arange(num),
                "generator": np.array(network.digest),
            }
        if conditional:
            arrays |= array_files.label_fields(labels, network.recipe.data.attributes)
        array_files.write(output, arrays)


def in_file_name(labels: Labels, recipe: Recipe) -> list[str]:
    """The names of the values that are asked for, as far as a file's name has room for them."""
    names = (re.sub(r"[^\w.-]+", "_", name) for name in _named(labels, recipe))
    shown = "-".join(names).encode()[:_BYTES_OF_NAMES].decode(errors="ignore")
    return [shown] if shown else []


def _named(labels: Labels, recipe: Recipe) -> list[str]:
    if not recipe.networks.conditional:
        return []
    pairs = zip(recipe.data.attributes, labels, strict=True)
    return [attribute.values[value] for attribute, value in pairs if value != NOT_GIVEN]


def _frames(
    network: Trained, config: GenerateConfig, cycle: Sequence[Labels], num: int
) -> list[np.ndarray]:
    """An interpolation from one latent to another and back, an image of each label in a frame."""
    shape, columns = network.recipe.data.image_shape, image_grids.full_columns(len(cycle))
    rows = -(-len(cycle) // columns)
    image_files.check_size(rows, columns, shape, ".gif")
    high, wide = image_grids.size(rows, columns, shape)
    numbers = max(high * wide, image_grids.PAGE**2) * shape[2]
    memory.check_room(num * _COPIES * numbers, "ask for fewer frames with --num, or fewer labels")
    generate, truncation = truncated_styles.drawing(network, config.truncation, cycle)
    ends = sampling.latents(network.recipe, config.seed, 0, 2, truncation)
    weights: list[float] = (1 - np.abs(np.linspace(-1, 1, num, endpoint=False))).tolist()
    draw, batch = tf.function(generate, autograph=False), image_batches.size(shape)
    parts = [
        (tf.constant(first, tf.int64), tf.constant(cycle[first : first + batch], tf.int32))
        for first in range(0, len(cycle), batch)
    ]
    frames = []
    for weight in activity.each(weights, "frames"):
        latent = sampling.between(ends[0], ends[1], weight)
        cells = [
            draw(tf.repeat(latent[tf.newaxis], len(labels), axis=0), labels, first=first)
            for first, labels in parts
        ]
        images = pixels.to_bytes(np.concatenate(cells), network.pixel_min)
        frames.append(image_grids.enlarged(image_grids.grid(images, columns)))
    return frames
