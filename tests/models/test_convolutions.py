"""Layers in every form that there is against Keras's."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.models import convolutions, forms
from trainer.models.layers import BatchNormalization, Dense
from trainer.system import processor
from trainer.system.exits import RefusedError

LAYERS = ["Conv2D", "Conv2DTranspose"]
SIDES = [8, 7]  # even and odd
SHAPES = [  # size of the kernel, stride, channels in and out
    (4, 2, 1, 6),
    (5, 2, 1, 6),
    (4, 2, 6, 5),
    (5, 2, 6, 5),
    (5, 1, 6, 5),
    (4, 1, 6, 5),
    (1, 1, 6, 5),
    (3, 1, 6, 1),
    (4, 1, 6, 1),
    (5, 2, 6, 1),
    (1, 1, 6, 3),
]


@pytest.fixture(params=forms.FORMS, autouse=True)
def row(request, monkeypatch) -> str:
    monkeypatch.setattr(forms, "_row", request.param)
    return request.param


def pair(name, policy, side, size, stride, channels, filters):
    """Our layer and Keras's in float32, with the same weights, and an input."""
    keras.utils.set_random_seed(0)
    ours = getattr(convolutions, name)(filters, size, stride, dtype=policy)
    theirs = getattr(keras.layers, name)(filters, size, stride, padding="same", dtype="float32")
    inputs = tf.constant(np.random.default_rng(0).normal(size=(3, side, side, channels)))
    inputs = tf.cast(inputs, ours.compute_dtype)
    for layer in (ours, theirs):
        layer.build(inputs.shape)
    ours.bias.assign(np.linspace(-1, 1, filters))
    theirs.set_weights(ours.get_weights())
    return ours, theirs, inputs


def outputs_and_gradients(layer, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
        loss = tf.reduce_sum(tf.square(tf.cast(outputs, tf.float32)))
    sources = [inputs, *(weight.value for weight in layer.trainable_weights)]
    return [outputs, *tape.gradient(loss, sources)]


def assert_close(left, right, tolerance):
    for one, other in zip(left, right, strict=True):
        one, other = (tf.cast(each, tf.float32).numpy() for each in (one, other))
        assert np.abs(one - other).max() <= tolerance * np.abs(other).max()


@pytest.mark.parametrize("policy, tolerance", [("float32", 1e-5), ("mixed_bfloat16", 0.02)])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_gradients_agree_with_keras_s_layer(name, side, policy, tolerance, row):
    if row == forms.LIBRARY and policy != "float32":
        tolerance *= 4  # without instructions for it, TensorFlow's own sums are in bfloat16, too
    for shape in SHAPES:
        ours, theirs, inputs = pair(name, policy, side, *shape)
        assert_close(
            outputs_and_gradients(ours, inputs), outputs_and_gradients(theirs, inputs), tolerance
        )


def test_the_gradient_of_a_bias_is_exact_for_many_examples_in_bfloat16():
    layer = Dense(3, dtype="mixed_bfloat16")
    layer.build((1000, 2))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.cast(layer(tf.ones([1000, 2], tf.bfloat16)), tf.float32))
    np.testing.assert_array_equal(tape.gradient(total, layer.bias.value), [1000.0] * 3)


@pytest.mark.parametrize("name", LAYERS)
def test_input_gradients_can_be_penalised(name):
    def gradients_of_penalty(layer, inputs):
        with tf.GradientTape() as tape:
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                outputs = tf.reduce_sum(tf.sin(layer(inputs)))
            penalty = tf.reduce_sum(tf.square(inner.gradient(outputs, inputs)))
        return tape.gradient(penalty, [weight.value for weight in layer.trainable_weights])

    for shape in SHAPES:
        ours, theirs, inputs = pair(name, "float32", 8, *shape)
        assert_close(gradients_of_penalty(ours, inputs), gradients_of_penalty(theirs, inputs), 1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_made_again_from_its_configuration(name):
    layer = getattr(convolutions, name)(5, 3, 2, name="layer")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()


@pytest.mark.parametrize("policy, tolerance", [("float32", 1e-5), ("mixed_bfloat16", 0.02)])
def test_batch_normalisation_agrees_with_keras_s_layer(policy, tolerance):
    inputs = tf.constant(np.random.default_rng(0).normal(2, 3, size=(16, 5, 5, 6)), tf.float32)
    ours, theirs = BatchNormalization(dtype=policy), keras.layers.BatchNormalization()
    assert_close([ours(inputs, training=True)], [theirs(inputs, training=True)], tolerance)


def test_the_forms_of_another_version_are_refused():
    with pytest.raises(RefusedError, match=r"forms 'arm_sve'.*knows only library"):
        forms.use("arm_sve")


def test_on_a_processor_that_the_table_does_not_know_all_forms_are_tensorflow_s(monkeypatch):
    monkeypatch.setattr(forms, "_row", "")
    for vendor, flags, known in (
        ("AuthenticAMD", "fpu avx avx2", "amd_avx2"),
        ("AuthenticAMD", "avx2 avx512f avx512_bf16", "amd_avx512_bf16"),
        ("GenuineIntel", "avx2 avx512f avx512_bf16", "library"),
        ("", "", "library"),
    ):
        said = {"vendor_id": vendor, "flags": flags, "Features": ""}
        monkeypatch.setattr(processor, "_cpuinfo", said.get)
        assert forms.for_this_machine() == known
