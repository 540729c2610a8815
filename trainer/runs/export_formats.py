"""Trained networks as files in the formats that others read."""

from __future__ import annotations

import contextlib
import functools
import io
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from trainer.configuration import asked_labels, command_checks
from trainer.gan import sampling
from trainer.models import image_noise
from trainer.models.conditioning import inputs_of
from trainer.models.keras_layers import with_keras_layers
from trainer.runs import model_card
from trainer.runs.trained_networks import Trained
from trainer.system import file_system, unfinished

_BEYOND_ALL_VALUES = 2**30  # a label of which every one-hot is zeros


def write(networks: Trained, name: str, form: str, path: Path, noise: str = "fixed") -> None:
    """Writes `generator` or `discriminator` in one of the formats, whole or not at all.

    Args:
      networks: what a run has learnt.
      name: of the network.
      form: of `choices.EXPORT_SUFFIXES`.
      path: of the file, or folder.
      noise: of `choices.NOISES`, where the generator adds some.

    Raises:
      RefusedError: the format cannot hold the network, or that was still growing.
    """
    networks.check_full_grown()
    with contextlib.redirect_stdout(io.StringIO()):  # TensorFlow prints what it captured
        WRITERS[form](Export(networks, name, noise), path)


@dataclass(frozen=True)
class Export:
    """A network that is exported."""

    trained: Trained
    name: str
    noise: str

    @property
    def as_built(self) -> keras.Model:
        """With the layers of this package."""
        return self.trained.generator if self.name == "generator" else self.trained.discriminator

    @functools.cached_property
    def network(self) -> keras.Model:
        """With layers of Keras alone."""
        if self.name == "generator":
            return with_keras_layers(self.trained.generator)
        return with_keras_layers(self.trained.with_training_logits)

    @functools.cached_property
    def served(self) -> keras.Model:
        """The same, its noise fixed unless it is an input."""
        return _with_fixed_noise(self.network) if self.noise == "fixed" else self.network


def _write_keras(export: Export, path: Path) -> None:
    file_system.write_atomically(path, export.served.save)


def _write_h5(export: Export, path: Path) -> None:
    if not all(isinstance(each, keras.Layer) for each in export.served.operations):
        raise command_checks.more_than_layers(export.name)
    file_system.write_atomically(path, export.served.save)


def _write_weights(export: Export, path: Path) -> None:
    """Of the layers that they are loaded into, not of those that replace them."""
    file_system.write_atomically(path, export.as_built.save_weights)


def _write_tflite(export: Export, path: Path) -> None:
    content = tf.lite.TFLiteConverter.from_keras_model(export.served).convert()
    file_system.write_atomically(path, lambda temporary: temporary.write_bytes(content))


def _write_onnx(export: Export, path: Path) -> None:
    """By Keras's exporter, which needs the package tf2onnx."""
    network = _with_labels_that_are_not_given(export.served)
    empty = [tf.zeros([1, *part.shape[1:]], part.dtype) for part in network.inputs]
    network(empty if len(empty) > 1 else empty[0])  # it exports nothing that was never called
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of a NumPy that tf2onnx does not know yet
        file_system.write_atomically(
            path, lambda temporary: network.export(temporary, format="onnx", verbose=False)
        )


def _with_labels_that_are_not_given(network: keras.Model) -> keras.Model:
    """The network that knows -1 in ONNX, too, whose one-hot would count it from the last value."""
    if all(each.name != "labels" for each in network.inputs):
        return network
    inputs = [
        keras.Input(each.shape[1:], dtype=each.dtype, name=each.name) for each in network.inputs
    ]
    given = [
        keras.ops.where(each < 0, _BEYOND_ALL_VALUES, each) if each.name == "labels" else each
        for each in inputs
    ]
    return keras.Model(inputs, network(given), name=network.name)


def _with_fixed_noise(network: keras.Model) -> keras.Model:
    """The network without its input of noise, where it has one: each image gets the same."""
    row = image_noise.fixed(network, 1)
    if row is None:
        return network
    inputs = [each for each in network.inputs if each.name != image_noise.INPUT]
    fixed = keras.layers.Dense(row.shape[1], use_bias=False, name="fixed_noise")
    noise = fixed(keras.ops.ones_like(inputs[0][:, :1]))
    fixed.set_weights([row.numpy()])
    return keras.Model(inputs, network([*inputs, noise]), name=network.name)


def _write_saved_model(export: Export, path: Path) -> None:
    """A SavedModel with `serve` and the same with names, `serving_default`.

    A generator's also has `sample(n, seed)`, which draws as `generate` does, and
    `sample_labels(n)`, the labels that it draws: int32 `[n]`, of several attributes `[n, A]`.
    """
    network, served = export.network, export.served
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.track(served)
    specs = [
        tf.TensorSpec([None, *part.shape[1:]], part.dtype, name=part.name) for part in served.inputs
    ]
    result = "images" if network.name == "generator" else "logits"
    archive.add_endpoint(
        "serve",
        lambda inputs: served(inputs, training=False),
        input_signature=[specs if len(specs) > 1 else specs[0]],
    )
    archive.add_endpoint(
        "serving_default",
        lambda *inputs: {
            result: served([*inputs] if len(specs) > 1 else inputs[0], training=False)
        },
        input_signature=specs,
    )
    if network.name == "generator":
        _add_sampling(archive, export.trained, network)
    # A process that leaves at once removes what is new: what was there is never in the way of that.
    old = path.with_name(unfinished.partial_prefix())
    with unfinished.beside(path) as new:
        archive.write_out(str(new), verbose=False)
        for name in model_card.of_others(path):
            shutil.copyfile(path / name, new / name)
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    shutil.rmtree(old, ignore_errors=True)


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
        noise = image_noise.fixed(generator, n)
        return generator(inputs_of(generator, latents, labels, noise), training=False)

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


WRITERS: dict[str, Callable[[Export, Path], None]] = {
    "keras": _write_keras,
    "h5": _write_h5,
    "weights": _write_weights,
    "saved_model": _write_saved_model,
    "onnx": _write_onnx,
    "tflite": _write_tflite,
}
