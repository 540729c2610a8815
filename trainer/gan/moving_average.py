"""The moving average of a generator, by which it draws once it is trained (Yazici et al. 2018).

(arXiv:1806.04498.) It lies in plain variables, by the paths of the weights.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from trainer.gan.replica_variables import local_variable

# An average over a twentieth of the images seen forgets the untrained generator in a short run
# (Karras et al. 2020, arXiv:2006.06676, whose ramp-up it is).
RAMP_UP = 0.05

Average = dict[str, tf.Variable]


def begun(generator: keras.Model) -> Average:
    """An average of the weights as they are."""
    return {
        weight.path: local_variable(tf.convert_to_tensor(weight.value))
        for weight in generator.variables
    }


def update(average: Average, generator: keras.Model, decay: tf.Tensor) -> None:
    """Moves the average towards the updated generator, in a replica's context.

    Args:
      average: from `begun`.
      generator: whose weights it averages.
      decay: the weight of the old average, float32 `[]`.
    """
    for weight in generator.variables:
        old = average[weight.path]
        tf.raw_ops.ResourceApplyGradientDescent(
            var=old.handle, alpha=1 - decay, delta=old - weight.value
        )


def decay_of(half_life: float, batch_size: int, step: tf.Tensor, ramp_up: bool = True) -> tf.Tensor:
    """The weight of the old average in an update.

    Args:
      half_life: in images.
      batch_size: images per update.
      step: updates before this one.
      ramp_up: whether it is a share of the images seen, see `RAMP_UP`.

    Returns:
      float32 `[]`: 0.5 to the power of batch size over half-life, which `RAMP_UP` may shorten.
    """
    if not ramp_up:
        return 0.5 ** (batch_size / tf.constant(half_life))
    images_seen = tf.cast(step + 1, tf.float32) * batch_size
    return 0.5 ** (batch_size / tf.minimum(half_life, RAMP_UP * images_seen))
