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
    """A SavedModel with `serve`, and for a generator `sample(n, seed)`, as `generate` draws."""
    archive = keras.export.ExportArchive()
    archive.track(network)
    cycle = asked_labels.cycle(networks.recipe)
    archive.add_endpoint(
        "serve",
        lambda inputs: network(inputs, training=False),
        input_signature=[_signature(network)],
    )
    if network.name == "generator":
        scalar = tf.TensorSpec([], tf.int64)
        archive.add_endpoint(
            "sample",
            lambda n, seed: network(
                inputs_of(
                    network,
                    sampling.latents(networks.recipe, seed, 0, n),
                    sampling.cycled_labels(cycle, 0, n),
                ),
                training=False,
            ),
            input_signature=[scalar, scalar],
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=file_system.partial_prefix()
    ) as scratch:
        archive.write_out(str(Path(scratch, "new")), verbose=False)
        if path.exists():
            path.rename(Path(scratch, "old"))
        Path(scratch, "new").rename(path)


def _signature(network: keras.Model) -> tf.TensorSpec | list[tf.TensorSpec]:
    """What the network takes: one tensor, or one and labels."""
    specs = [tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in network.inputs]
    return specs if len(specs) > 1 else specs[0]
