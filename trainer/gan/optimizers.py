"""Adam and RMSprop by TensorFlow's fused kernels: one pass over a weight instead of ten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from trainer.configuration.config import OptimizerSettings
from trainer.gan import schedules
from trainer.gan.replica_variables import local_variable

EPSILON = 1e-7  # Keras's


class Optimizer:
    """A network's optimizer and its slots. Make it in a strategy's scope."""

    def __init__(
        self,
        name: str,
        settings: OptimizerSettings,
        horizon: int,
        network: keras.Model,
        first_updates: Mapping[str, int] | None = None,
    ) -> None:
        """Makes slots of zeros.

        Args:
          name: one of `choices.OPTIMIZERS`.
          settings: rates and decays.
          horizon: the number of updates at which the schedule of rates ends.
          network: whose trainable weights it updates.
          first_updates: of weights by their paths, the first update that they take part in; 0
            unless given. Adam's bias correction counts updates from there.
        """
        self._name = name
        self._settings = settings
        self._horizon = horizon
        self._weights = [weight.value for weight in network.trainable_variables]
        self._first_updates = [
            (first_updates or {}).get(weight.path, 0) for weight in network.trainable_variables
        ]
        self.variables = {
            f"{weight.path}/{slot}": local_variable(tf.zeros_like(weight.value))
            for slot in _SLOTS[name]
            for weight in network.trainable_variables
        }

    def learning_rate(self, update_number: tf.Tensor) -> tf.Tensor:
        """The rate of an update, float32 `[]`; the first is number 0."""
        settings = self._settings
        progress = tf.cast(update_number, tf.float32) / self._horizon
        factor = schedules.decay_factor(settings.schedule, settings.final_factor, progress)
        return settings.learning_rate * factor

    def apply(self, gradients: Sequence[tf.Tensor], update_number: tf.Tensor) -> None:
        """Updates this replica's copy of the weights.

        Args:
          gradients: of the global batch, equal on all replicas, in the order of the weights.
          update_number: int64 `[]`, from zero.
        """
        slots = list(self.variables.values())
        first, second = slots[: len(self._weights)], slots[len(self._weights) :]
        rate = self.learning_rate(update_number)
        updates = {
            begun: _UPDATES[self._name](
                self._settings,
                rate,
                tf.maximum(update_number - begun, 0) if begun else update_number,
            )
            for begun in sorted(set(self._first_updates))
        }
        for begun, weight, gradient, *weight_slots in zip(
            self._first_updates, self._weights, gradients, first, second, strict=True
        ):
            updates[begun](weight.handle, *(slot.handle for slot in weight_slots), gradient)


def _adam(
    settings: OptimizerSettings, rate: tf.Tensor, update_number: tf.Tensor
) -> Callable[..., None]:
    """Kingma and Ba 2014 (arXiv:1412.6980)."""
    count = tf.cast(update_number + 1, tf.float32)
    powers = [tf.pow(beta, count) for beta in (settings.beta_1, settings.beta_2)]

    def update(weight: tf.Tensor, mean: tf.Tensor, square: tf.Tensor, gradient: tf.Tensor) -> None:
        tf.raw_ops.ResourceApplyAdam(
            var=weight,
            m=mean,
            v=square,
            beta1_power=powers[0],
            beta2_power=powers[1],
            lr=rate,
            beta1=settings.beta_1,
            beta2=settings.beta_2,
            epsilon=EPSILON,
            grad=gradient,
        )

    return update


def _rmsprop(
    settings: OptimizerSettings, rate: tf.Tensor, update_number: tf.Tensor
) -> Callable[..., None]:
    """Hinton 2012, lecture 6e of Neural Networks for Machine Learning."""
    del update_number

    def update(weight: tf.Tensor, square: tf.Tensor, last: tf.Tensor, gradient: tf.Tensor) -> None:
        tf.raw_ops.ResourceApplyRMSProp(
            var=weight,
            ms=square,
            mom=last,  # an argument of the kernel, even without momentum
            lr=rate,
            rho=settings.beta_2,
            momentum=0.0,
            epsilon=EPSILON,
            grad=gradient,
        )

    return update


_SLOTS = {"adam": ("mean", "mean_square"), "rmsprop": ("mean_square", "last_update")}
_UPDATES = {"adam": _adam, "rmsprop": _rmsprop}
