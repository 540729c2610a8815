"""Building the networks."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import flags
from trainer.gan.networks import build_networks, check_differentiable_twice
from trainer.system.exits import RefusedError


def test_a_penalty_on_a_discriminator_that_cannot_be_differentiated_twice_is_refused():
    def network(interpolation):
        inputs = keras.Input((4, 4, 1))
        return keras.Model(inputs, keras.layers.UpSampling2D(interpolation=interpolation)(inputs))

    check_differentiable_twice(network("bilinear"))
    with pytest.raises(RefusedError, match="UpSampling2D"):
        check_differentiable_twice(network("nearest"))


def test_sngan_s_features_are_sums_over_all_places():
    """As in Miyato et al. 2018: of means logits would be smaller than hinge loss's margins."""
    given = ["train", "--job_dir=x", "--preset=sngan", "--width=8"]
    means, sums = (
        build_networks(flags.train([*given, f"--architecture={name}"]).recipe, "float32")[1]
        for name in ("residual_mean", "residual")
    )
    sums.set_weights(means.get_weights())
    images = tf.random.stateless_uniform([2, 28, 28, 1], [1, 2])
    of_means, of_sums = (
        keras.Model(each.inputs, each.get_layer("projection").input[0])(
            [images, tf.constant([1, 2])]
        )
        for each in (means, sums)
    )
    np.testing.assert_allclose(of_sums, 49 * of_means, rtol=1e-5)
