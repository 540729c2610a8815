"""Building the networks."""

from __future__ import annotations

import keras
import pytest

from trainer.gan.networks import check_differentiable_twice
from trainer.system.exits import RefusedError


def test_a_penalty_on_a_discriminator_that_cannot_be_differentiated_twice_is_refused():
    def network(interpolation):
        inputs = keras.Input((4, 4, 1))
        return keras.Model(inputs, keras.layers.UpSampling2D(interpolation=interpolation)(inputs))

    check_differentiable_twice(network("bilinear"))
    with pytest.raises(RefusedError, match="UpSampling2D"):
        check_differentiable_twice(network("nearest"))
