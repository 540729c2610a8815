"""FashionGAN: the state of a training: networks, moving average, optimizers and step."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.gan.optimizers import Optimizer, local_variable
from trainer.models import ARCHITECTURES, spectral
from trainer.models.conditioning import inputs_of
from trainer.models.layers import initialise
from trainer.randomness import Draws, drawing_from
from trainer.system.exits import RefusedError

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}

State = dict[str, dict[str, tf.Variable]]  # part -> path -> variable

# A moving average over a twentieth of the images seen forgets the untrained generator in a short
# run (Karras et al. 2020, arXiv:2006.06676, whose ramp-up it is).
EMA_RAMP_UP = 0.05


def build_networks(recipe: Recipe, precision: str) -> tuple[keras.Model, keras.Model]:
    """The recipe's generator and discriminator, with Keras's initial weights.

    A discriminator that a penalty differentiates is in float32.

    Raises:
      RefusedError: the penalty cannot differentiate the discriminator.
    """
    networks = recipe.networks
    with _computing_in(precision):
        generator = ARCHITECTURES[networks.architecture].generator(
            networks.noise_dim, recipe.data.image_shape, _classes(recipe)
        )
    penalised = recipe.objective.penalised
    discriminator = _discriminator(recipe, "float32" if penalised else precision)
    if penalised:
        check_differentiable_twice(discriminator)
    return generator, discriminator


def _discriminator(recipe: Recipe, precision: str) -> keras.Model:
    networks = recipe.networks
    with _computing_in(precision):
        return ARCHITECTURES[networks.architecture].discriminator(
            recipe.data.image_shape, networks.dropout, _classes(recipe)
        )


def _classes(recipe: Recipe) -> int:
    return len(recipe.data.class_names) if recipe.networks.conditional else 0


@contextmanager
def _computing_in(precision: str) -> Iterator[None]:
    """Layers made within have float32 weights and activations of that precision."""
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def check_differentiable_twice(discriminator: keras.Model) -> None:
    """Refuses a discriminator whose slopes cannot be penalised.

    Raises:
      RefusedError: with the layer's name.
    """
    for layer in discriminator.layers:
        if isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "nearest":
            raise RefusedError(
                f"--r1, --r2 and --gradient_penalty differentiate the discriminator twice, which "
                f"TensorFlow cannot do with its UpSampling2D layer {layer.name}: use 0 for them, "
                "or bilinear interpolation in the layer"
            )


def ema_decay(half_life: float, batch_size: int, step: tf.Tensor) -> tf.Tensor:
    """What is left of the generator's moving average after an update.

    Args:
      half_life: in images; grows to it during the run's first images.
      batch_size: images an update.
      step: updates before this one.

    Returns:
      float32 `[]`: 0.5 to the power of the batch's share of the half-life.
    """
    seen = tf.cast(step + 1, tf.float32) * batch_size
    return 0.5 ** (batch_size / tf.minimum(half_life, EMA_RAMP_UP * seen))


class FashionGAN:
    """Generator, discriminator, their optimizers and all else that a run's future depends on.

    Make it in a strategy's scope.
    """

    def __init__(self, recipe: Recipe, horizon: int) -> None:
        """Builds the untrained state; schedules end at step `horizon`."""
        self.recipe = recipe
        self.horizon = horizon
        self.lowest = ARCHITECTURES[recipe.networks.architecture].lowest  # value of black
        self.generator, self.discriminator = build_networks(recipe, recipe.precision)
        # Computes the same from other weights, where the discriminator need not be in float32.
        self._plain_discriminator = (
            _discriminator(recipe, recipe.precision)
            if recipe.objective.at_times_penalised and recipe.precision == "bfloat16"
            else self.discriminator
        )
        for network in (self.generator, self.discriminator):
            initialise(network, recipe.seed, network.name)
        updates = horizon * recipe.objective.critic_steps
        kind = recipe.optimizer
        self.generator_optimizer = Optimizer(kind, recipe.generator, horizon, self.generator)
        self.discriminator_optimizer = Optimizer(
            kind, recipe.discriminator, updates, self.discriminator
        )
        self.average = self._average() if recipe.ema_half_life else {}
        self.singular = self._singular() if recipe.networks.spectral_norm else {}
        self.step = local_variable(tf.constant(0, tf.int64))

    def state(self) -> State:
        """Every variable that a resume needs, by part and path."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        state = {
            name: {weight.path: weight.value for weight in network.variables}
            for name, network in networks.items()
        }
        more = {
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
            "training": {"step": self.step},
            "average": self.average,
            "singular": self.singular,
        }
        return state | {name: variables for name, variables in more.items() if variables}

    def learning_rates(self) -> dict[str, float]:
        """The rates in force, by network."""
        step, turns = self.step.read_value(), self.recipe.objective.critic_steps
        return {
            "generator": float(self.generator_optimizer.learning_rate(step)),
            "discriminator": float(self.discriminator_optimizer.learning_rate(step * turns)),
        }

    def sample(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Images in [lowest, 1] as the finished generator makes them.

        Args:
          latents: `[N, noise_dim]`.
          labels: int32 `[N]`, which only a conditional generator reads.
        """
        inputs = inputs_of(self.generator, latents, labels)
        if not self.average:
            return self.generator(inputs, training=False)
        weights = [
            [self.average[weight.path] for weight in kind]
            for kind in (
                self.generator.trainable_variables,
                self.generator.non_trainable_variables,
            )
        ]
        return self.generator.stateless_call(*weights, inputs, training=False)[0]

    def generate(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Fakes in training, from what `sample` takes."""
        return self.generator(inputs_of(self.generator, latents, labels), training=True)

    def score(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        draws: Draws,
        *calls: str,
        penalised: bool = False,
    ) -> tf.Tensor:
        """Logits `[N, 1]` in training.

        Args:
          images: `[N, height, width, channels]`.
          labels: int32 `[N]`, which only a conditional discriminator reads.
          draws: the source of dropout masks.
          calls: see `drawing_from`.
          penalised: whether it is to be differentiated twice, which is done in float32.
        """
        network = self.discriminator if penalised else self._plain_discriminator
        inputs = inputs_of(network, images, labels)
        with drawing_from(draws, *calls):
            if network is self.discriminator and not self.singular:
                return network(inputs, training=True)
            weights = [
                self._normalised(weight) for weight in self.discriminator.trainable_variables
            ]
            return network.stateless_call(weights, [], inputs, training=True)[0]

    def _normalised(self, weight: keras.Variable) -> tf.Tensor:
        """A weight as it is used: a kernel divided by its bound, where there is one."""
        if weight.path not in self.singular:
            return weight.value
        return spectral.normalise(weight.value, self.singular[weight.path])

    def follow_generator(self) -> None:
        """Moves the average towards the updated generator, in a replica's context."""
        if self.average:
            decay = ema_decay(self.recipe.ema_half_life, self.recipe.batch_size, self.step)
            for weight in self.generator.variables:
                old = self.average[weight.path]
                tf.raw_ops.ResourceApplyGradientDescent(
                    var=old.handle, alpha=1 - decay, delta=old - weight.value
                )

    def follow_discriminator(self) -> None:
        """Keeps the updated discriminator's bounds, in a replica's context."""
        weights = {weight.path: weight.value for weight in self.discriminator.trainable_variables}
        if bound := self.recipe.objective.weight_clip:
            clipped = [tf.clip_by_value(weight, -bound, bound) for weight in weights.values()]
            _assign_everywhere(list(weights.values()), clipped)
        if self.singular:
            advanced = [
                spectral.next_vector(weights[path], vector)
                for path, vector in self.singular.items()
            ]
            _assign_everywhere(list(self.singular.values()), advanced)

    def _average(self) -> dict[str, tf.Variable]:
        return {
            weight.path: local_variable(tf.convert_to_tensor(weight.value))
            for weight in self.generator.variables
        }

    def _singular(self) -> dict[str, tf.Variable]:
        vectors = {}
        for kernel in spectral.kernels(self.discriminator):
            seed = zlib.crc32(kernel.path.encode()) ^ self.recipe.seed
            vector = spectral.first_vector(tf.convert_to_tensor(kernel.value), seed)
            vectors[kernel.path] = local_variable(vector)
        return vectors


def _assign_everywhere(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    """Assigns what each replica computed to its own copy: all computed the same."""

    def assign(strategy: tf.distribute.Strategy, *merged: tf.Tensor) -> None:
        for variable, value in zip(variables, merged, strict=True):
            strategy.extended.update(variable, lambda copy, new: copy.assign(new), args=(value,))

    tf.distribute.get_replica_context().merge_call(assign, args=tuple(values))
