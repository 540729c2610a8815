"""Trained networks as files in the formats that others read."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from trainer.configuration import asked_labels
from trainer.gan import sampling
from trainer.models.conditioning import inputs_of
from trainer.models.layers import with_keras_layers
from trainer.runs.trained_networks import Trained
from trainer.system import file_system


def write(networks: Trained, name: str, form: str, path: Path) -> None:
    """Writes `generator` or `discriminator` in one of the formats, whole or not at all."""
    network = with_keras_layers(
        networks.generator if name == "generator" else networks.discriminator
    )
    with contextlib.redirect_stdout(io.StringIO()):  # TensorFlow prints what it captured
        if form == "saved_model":
            _write_saved_model(networks, network, path)
        elif form == "tflite":
            content = tf.lite.TFLiteConverter.from_keras_model(network).convert()
            file_system.write_atomically(path, lambda temporary: temporary.write_bytes(content))
        elif form == "weights":
            file_system.write_atomically(path, network.save_weights)
        else:
            file_system.write_atomically(path, network.save)


def _write_saved_model(networks: Trained, network: keras.Model, path: Path) -> None:
    """A SavedModel with `serve` and the same with names, `serving_default`.

    A generator's also has `sample(n, seed)`, which draws as `generate` does, and
    `sample_labels(n)`, the labels that it draws: int32 `[n]`, of several attributes `[n, A]`.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    specs = [
        tf.TensorSpec([None, *part.shape[1:]], part.dtype, name=part.name)
        for part in network.inputs
    ]
    result = "images" if network.name == "generator" else "logits"
    archive.add_endpoint(
        "serve",
        lambda inputs: network(inputs, training=False),
        input_signature=[specs if len(specs) > 1 else specs[0]],
    )
    archive.add_endpoint(
        "serving_default",
        lambda *inputs: {
            result: network([*inputs] if len(specs) > 1 else inputs[0], training=False)
        },
        input_signature=specs,
    )
    if network.name == "generator":
        _add_sampling(archive, networks, network)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=file_system.partial_prefix()
    ) as scratch:
        archive.write_out(str(Path(scratch, "new")), verbose=False)
        if path.exists():
            path.rename(Path(scratch, "old"))
        Path(scratch, "new").rename(path)


def _add_sampling(
    archive: keras.export.ExportArchive, networks: Trained, generator: keras.Model
) -> None:
    """Adds functions of numbers, int32 or int64, for which each is traced."""
    cycle = asked_labels.cycle(networks.recipe)
    is_several = len(networks.recipe.data.attributes) > 1

    @tf.function(autograph=False)
    def sample(n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        n, seed = tf.cast(n, tf.int64), tf.cast(seed, tf.int64)
        latents = sampling.latents(networks.recipe, seed, 0, n)
        labels = sampling.cycled_labels(cycle, 0, n)
        return generator(inputs_of(generator, latents, labels), training=False)

    @tf.function(autograph=False)
    def sample_labels(n: tf.Tensor) -> tf.Tensor:
        labels = sampling.cycled_labels(cycle, 0, tf.cast(n, tf.int64))
        return labels if is_several else labels[:, 0]

    scalars = [tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.int32)]
    for scalar in scalars:
        sample.get_concrete_function(scalar, scalar)
        sample_labels.get_concrete_function(scalar)
    archive.add_endpoint("sample", sample)
    if networks.recipe.networks.conditional:
        archive.add_endpoint("sample_labels", sample_labels)
