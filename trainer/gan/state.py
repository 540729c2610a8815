"""FashionGAN: the state of a training run: networks, moving average, optimizers and step."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import keras
import tensorflow as tf

from trainer.configuration.config import Recipe
from trainer.gan.augmentation import AdaptiveProbability
from trainer.gan.networks import build_discriminator, build_generator, build_networks
from trainer.gan.optimizers import Optimizer, local_variable
from trainer.models import image_noise, mapping, spectral
from trainer.models.architectures import ARCHITECTURES
from trainer.models.conditioning import inputs_of
from trainer.models.layers import initialise
from trainer.randomness import BatchRng, layers_draw_from

State = dict[str, dict[str, tf.Variable]]  # part -> path -> variable

# A moving average over a twentieth of the images seen forgets the untrained generator in a short
# run (Karras et al. 2020, arXiv:2006.06676, whose ramp-up it is).
EMA_RAMP_UP = 0.05


def ema_decay(half_life: float, batch_size: int, step: tf.Tensor) -> tf.Tensor:
    """The weight of the generator's old moving average in an update.

    Args:
      half_life: in images; shorter during the run's first images, see `EMA_RAMP_UP`.
      batch_size: images per update.
      step: updates before this one.

    Returns:
      float32 `[]`: 0.5 to the power of batch size over half-life.
    """
    images_seen = tf.cast(step + 1, tf.float32) * batch_size
    return 0.5 ** (batch_size / tf.minimum(half_life, EMA_RAMP_UP * images_seen))


class FashionGAN:
    """Generator, discriminator, their optimizers and all other state that a resume needs.

    Make it in a strategy's scope.
    """

    def __init__(self, recipe: Recipe, horizon: int) -> None:
        """Builds the untrained state; schedules end at step `horizon`."""
        self.recipe = recipe
        self.horizon = horizon
        self.pixel_min = ARCHITECTURES[recipe.networks.architecture].pixel_min  # value of black
        self.generator, self.discriminator = build_networks(recipe, recipe.precision)
        # For updates without a penalty, which need no float32; uses `discriminator`'s weights.
        self._unpenalised_discriminator = (
            build_discriminator(recipe, recipe.precision)
            if recipe.objective.at_times_penalised and recipe.precision == "bfloat16"
            else self.discriminator
        )
        for network in (self.generator, self.discriminator):
            initialise(network, recipe.seed, network.name)
        discriminator_updates = horizon * recipe.objective.critic_steps
        optimizer = recipe.optimizer
        self.generator_optimizer = Optimizer(optimizer, recipe.generator, horizon, self.generator)
        self.discriminator_optimizer = Optimizer(
            optimizer, recipe.discriminator, discriminator_updates, self.discriminator
        )
        self.ema = self._initial_ema() if recipe.ema_half_life else {}
        self.singular_vectors = (
            self._initial_singular_vectors() if recipe.networks.spectral_norm else {}
        )
        objective = recipe.objective
        self.augmentation = (
            AdaptiveProbability(objective.augment_target, recipe.batch_size)
            if objective.augments_adaptively
            else None
        )
        self.path_mean = local_variable(tf.constant(0.0)) if objective.path_length else None
        if objective.style_mixing or objective.path_length:
            self._mapping = mapping.mapping_network(self.generator)
            self._synthesis = mapping.synthesis_network(self.generator)
        if objective.path_length:  # which needs second derivatives, and so float32
            self._penalised_synthesis = (
                self._synthesis
                if recipe.precision == "float32"
                else mapping.synthesis_network(build_generator(recipe, "float32"))
            )
        self.step = local_variable(tf.constant(0, tf.int64))

    def state(self) -> State:
        """Every variable that a resume needs, by part and path."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        state = {
            name: {weight.path: weight.value for weight in network.variables}
            for name, network in networks.items()
        }
        others = {
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
            "training": {"step": self.step},
            "average": self.ema,
            "singular": self.singular_vectors,
            "augmentation": self.augmentation.variables if self.augmentation else {},
            "path_length": {} if self.path_mean is None else {"mean": self.path_mean},
        }
        return state | {name: variables for name, variables in others.items() if variables}

    def learning_rates(self) -> dict[str, float]:
        """The current learning rates, by network."""
        step, critic_steps = self.step.read_value(), self.recipe.objective.critic_steps
        return {
            "generator": float(self.generator_optimizer.learning_rate(step)),
            "discriminator": float(self.discriminator_optimizer.learning_rate(step * critic_steps)),
        }

    def sample(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Images in [pixel_min, 1], by the moving average of the generator where there is one.

        Args:
          latents: `[N, noise_dim]`.
          labels: int32 `[N, attributes]`, -1 where not given; for a conditional generator only.
        """
        noise = image_noise.fixed(self.generator, tf.shape(latents)[0])
        inputs = inputs_of(self.generator, latents, labels, noise)
        if not self.ema:
            return self.generator(inputs, training=False)
        weights = [
            [self.ema[weight.path] for weight in variables]
            for variables in (
                self.generator.trainable_variables,
                self.generator.non_trainable_variables,
            )
        ]
        return self.generator.stateless_call(*weights, inputs, training=False)[0]

    def generate(
        self, latents: tf.Tensor, labels: tf.Tensor, noise: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Images in training, from the arguments of `sample` and noise where it takes some."""
        return self.generator(inputs_of(self.generator, latents, labels, noise), training=True)

    def styles(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Styles in training, of a style-based generator: float32 `[N, layers, size]`."""
        return self._mapping(inputs_of(self._mapping, latents, labels), training=True)

    def synthesise(
        self, styles: tf.Tensor, noise: tf.Tensor | None, penalised: bool = False
    ) -> tf.Tensor:
        """Images in training, of styles; penalised: in float32, for second derivatives."""
        inputs = styles if noise is None else [styles, noise]
        if not penalised:
            return self._synthesis(inputs, training=True)
        network = self._penalised_synthesis
        values = {weight.path: weight.value for weight in self.generator.trainable_variables}
        weights = [values[weight.path] for weight in network.trainable_variables]
        return network.stateless_call(weights, [], inputs, training=True)[0]

    def logits(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        rng: BatchRng,
        *passes: str,
        penalised: bool = False,
    ) -> tf.Tensor:
        """Logits `[N, 1]` in training.

        Args:
          images: `[N, height, width, channels]`.
          labels: int32 `[N, attributes]`, used by a conditional discriminator only.
          rng: the source of dropout masks.
          passes: see `layers_draw_from`.
          penalised: whether to compute in float32, for second derivatives.
        """
        network = self.discriminator if penalised else self._unpenalised_discriminator
        inputs = inputs_of(network, images, labels)
        with layers_draw_from(rng, *passes):
            if network is self.discriminator and not self.singular_vectors:
                return network(inputs, training=True)
            weights = [
                self._spectrally_normalised(weight)
                for weight in self.discriminator.trainable_variables
            ]
            return network.stateless_call(weights, [], inputs, training=True)[0]

    def _spectrally_normalised(self, weight: keras.Variable) -> tf.Tensor:
        """The weight, divided by its spectral norm where it has a singular vector."""
        if weight.path not in self.singular_vectors:
            return weight.value
        return spectral.normalise(weight.value, self.singular_vectors[weight.path])

    def update_ema(self) -> None:
        """Moves the average towards the updated generator, in a replica's context."""
        if self.ema:
            decay = ema_decay(self.recipe.ema_half_life, self.recipe.batch_size, self.step)
            for weight in self.generator.variables:
                old = self.ema[weight.path]
                tf.raw_ops.ResourceApplyGradientDescent(
                    var=old.handle, alpha=1 - decay, delta=old - weight.value
                )

    def constrain_discriminator(self) -> None:
        """Clips weights and advances singular vectors after an update, in a replica's context."""
        weights = {weight.path: weight.value for weight in self.discriminator.trainable_variables}
        if bound := self.recipe.objective.weight_clip:
            clipped = [tf.clip_by_value(weight, -bound, bound) for weight in weights.values()]
            _assign_on_replicas(list(weights.values()), clipped)
        if self.singular_vectors:
            advanced = [
                spectral.next_vector(weights[path], vector)
                for path, vector in self.singular_vectors.items()
            ]
            _assign_on_replicas(list(self.singular_vectors.values()), advanced)

    def _initial_ema(self) -> dict[str, tf.Variable]:
        return {
            weight.path: local_variable(tf.convert_to_tensor(weight.value))
            for weight in self.generator.variables
        }

    def estimate_singular_vectors(self) -> None:
        """Estimates them anew, of kernels that were assigned."""
        if self.singular_vectors:
            for path, vector in self._singular_vector_estimates().items():
                self.singular_vectors[path].assign(vector)

    def _initial_singular_vectors(self) -> dict[str, tf.Variable]:
        estimates = self._singular_vector_estimates()
        return {path: local_variable(vector) for path, vector in estimates.items()}

    def _singular_vector_estimates(self) -> dict[str, tf.Tensor]:
        vectors = {}
        for kernel in spectral.kernels(self.discriminator):
            seed = zlib.crc32(kernel.path.encode()) ^ self.recipe.seed
            vectors[kernel.path] = spectral.initial_vector(tf.convert_to_tensor(kernel.value), seed)
        return vectors


def _assign_on_replicas(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    """Assigns each replica's values, equal on all of them, to its own copy."""

    def assign(strategy: tf.distribute.Strategy, *merged: tf.Tensor) -> None:
        for variable, value in zip(variables, merged, strict=True):
            strategy.extended.update(variable, lambda copy, new: copy.assign(new), args=(value,))

    tf.distribute.get_replica_context().merge_call(assign, args=tuple(values))
