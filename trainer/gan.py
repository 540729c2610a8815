"""FashionGAN: the state of a training: networks, moving average, optimizers and step."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import keras
import tensorflow as tf

from trainer.annealing import FallingRate
from trainer.config import Optimizer, Recipe
from trainer.exits import RefusedError
from trainer.models import ARCHITECTURES, spectral
from trainer.models.conditioning import inputs_of
from trainer.models.layers import initialise
from trainer.randomness import Draws, drawing_from

State = dict[str, dict[str, tf.Variable]]  # part -> path -> variable

# A moving average over a twentieth of the images seen forgets the untrained generator in a short
# run (Karras et al. 2020, arXiv:2006.06676, whose ramp-up it is).
EMA_RAMP_UP = 0.05


def build_networks(recipe: Recipe, precision: str) -> tuple[keras.Model, keras.Model]:
    """The recipe's generator and discriminator, with Keras's initial weights.

    A discriminator that a penalty differentiates stays in float32.

    Raises:
      RefusedError: the penalty cannot differentiate the discriminator.
    """
    networks = recipe.networks
    architecture = ARCHITECTURES[networks.architecture]
    image_shape = recipe.data.image_shape
    classes = len(recipe.data.class_names) if networks.conditional else 0
    mixed = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    try:
        keras.config.set_dtype_policy(mixed)
        generator = architecture.generator(networks.noise_dim, image_shape, classes)
        keras.config.set_dtype_policy("float32" if recipe.objective.penalised else mixed)
        discriminator = architecture.discriminator(image_shape, networks.dropout, classes)
    finally:
        keras.config.set_dtype_policy("float32")
    if recipe.objective.penalised:
        check_differentiable_twice(discriminator)
    return generator, discriminator


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
        for network in (self.generator, self.discriminator):
            initialise(network, recipe.seed, network.name)
        updates = horizon * recipe.objective.critic_steps
        self.generator_optimizer = _optimizer(recipe.optimizer, recipe.generator, horizon)
        self.discriminator_optimizer = _optimizer(recipe.optimizer, recipe.discriminator, updates)
        for name in ("generator", "discriminator"):
            optimizer = getattr(self, f"{name}_optimizer")
            optimizer.name = f"{name}_optimizer"
            optimizer.build(getattr(self, name).trainable_variables)
        self.average = self._average() if recipe.ema_half_life else {}
        self.singular = self._singular() if recipe.networks.spectral_norm else {}
        self.step = _variable("step", tf.constant(0, tf.int64))

    def state(self) -> State:
        """Every variable that a resume needs, by part and path."""
        parts = ("generator", "discriminator", "generator_optimizer", "discriminator_optimizer")
        state = {
            name: {variable.path: variable.value for variable in getattr(self, name).variables}
            for name in parts
        }
        state["training"] = {"step": self.step}
        more = {"average": self.average, "singular": self.singular}
        return state | {name: variables for name, variables in more.items() if variables}

    def learning_rates(self) -> dict[str, float]:
        """The rates in force, by network."""
        optimizers = {
            "generator": self.generator_optimizer,
            "discriminator": self.discriminator_optimizer,
        }
        return {
            name: float(tf.convert_to_tensor(optimizer.learning_rate))
            for name, optimizer in optimizers.items()
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

    def score(self, images: tf.Tensor, labels: tf.Tensor, draws: Draws, *calls: str) -> tf.Tensor:
        """Logits `[N, 1]` in training.

        Args:
          images: `[N, height, width, channels]`.
          labels: int32 `[N]`, which only a conditional discriminator reads.
          draws: the source of dropout masks.
          calls: see `drawing_from`.
        """
        inputs = inputs_of(self.discriminator, images, labels)
        with drawing_from(draws, *calls):
            if not self.singular:
                return self.discriminator(inputs, training=True)
            weights = [
                spectral.normalise(weight.value, self.singular[weight.path])
                if weight.path in self.singular
                else weight.value
                for weight in self.discriminator.trainable_variables
            ]
            return self.discriminator.stateless_call(weights, [], inputs, training=True)[0]

    def follow_generator(self) -> None:
        """Moves the average towards the updated generator, in a replica's context."""
        if self.average:
            decay = ema_decay(self.recipe.ema_half_life, self.recipe.batch_size, self.step)
            weights = [weight.value for weight in self.generator.variables]
            averages = [self.average[weight.path] for weight in self.generator.variables]
            _assign_everywhere(
                averages,
                [
                    old + (1 - decay) * (new - old)
                    for old, new in zip(averages, weights, strict=True)
                ],
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
            weight.path: _variable(weight.path, tf.convert_to_tensor(weight.value))
            for weight in self.generator.variables
        }

    def _singular(self) -> dict[str, tf.Variable]:
        vectors = {}
        for kernel in spectral.kernels(self.discriminator):
            seed = zlib.crc32(kernel.path.encode()) ^ self.recipe.seed
            vector = spectral.first_vector(tf.convert_to_tensor(kernel.value), seed)
            vectors[kernel.path] = _variable(kernel.path, vector)
        return vectors


def _optimizer(kind: str, settings: Optimizer, updates: int) -> keras.Optimizer:
    rate = settings.learning_rate
    if settings.schedule != "constant":
        rate = FallingRate(rate, settings.schedule, settings.final_factor, updates)
    if kind == "rmsprop":
        return keras.optimizers.RMSprop(rate, rho=settings.beta_2)
    return keras.optimizers.Adam(rate, settings.beta_1, settings.beta_2)


def _variable(path: str, value: tf.Tensor) -> tf.Variable:
    """A variable that is no weight of a network, equal on all replicas."""
    return tf.Variable(
        value,
        trainable=False,
        name=path.replace("/", "_"),
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def _assign_everywhere(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    """Assigns what each replica computed to its own copy: all computed the same."""

    def assign(strategy: tf.distribute.Strategy, *merged: tf.Tensor) -> None:
        for variable, value in zip(variables, merged, strict=True):
            strategy.extended.update(variable, lambda copy, new: copy.assign(new), args=(value,))

    tf.distribute.get_replica_context().merge_call(assign, args=tuple(values))
