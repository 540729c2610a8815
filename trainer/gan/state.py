"""FashionGAN: the state of a training run: networks, moving average, optimizers and step."""

from __future__ import annotations

import dataclasses
import zlib

import keras
import tensorflow as tf

from trainer.configuration import step_counts
from trainer.configuration.config import Recipe
from trainer.gan import moving_average
from trainer.gan.active_networks import active_networks, applied, borrowed, stage_networks
from trainer.gan.augmentation import AdaptiveProbability
from trainer.gan.networks import build_networks, label_sizes
from trainer.gan.optimizers import Optimizer
from trainer.gan.replica_variables import assign, local_variable
from trainer.models import image_noise, spectral
from trainer.models.architectures import ARCHITECTURES
from trainer.models.conditioning import Encoded, Incomplete, inputs_of
from trainer.models.label_classification import log_probabilities, with_log_probabilities
from trainer.models.layers import initialise
from trainer.randomness import BatchRng, layers_draw_from

State = dict[str, dict[str, tf.Variable]]  # part -> path -> variable


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
        self.active = active_networks(recipe, self.generator, self.discriminator)
        stages = step_counts.doublings(recipe) + 1 if recipe.growth.grow_from else 0
        self._stages = [stage_networks(recipe, stage) for stage in range(stages)]
        for network in (self.generator, self.discriminator):
            initialise(network, recipe.seed, network.name)
        optimizer, critic_steps = recipe.optimizer, recipe.objective.critic_steps
        first_steps = self._first_steps()
        self.generator_optimizer = Optimizer(
            optimizer, recipe.generator, horizon, self.generator, first_steps
        )
        self.discriminator_optimizer = Optimizer(
            optimizer,
            recipe.discriminator,
            horizon * critic_steps,
            self.discriminator,
            {path: step * critic_steps for path, step in first_steps.items()},
        )
        self.ema = moving_average.begun(self.generator) if recipe.ema_half_life else {}
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
        self.step = local_variable(tf.constant(0, tf.int64))

    def _first_steps(self) -> dict[str, int]:
        """Of weights that come into use as networks grow, the first step that they are used in."""
        return {
            weight.path: step_counts.first_step_of_stage(self.recipe, stage)
            for stage, networks in reversed(list(enumerate(self._stages)))
            for network in (networks.generator, networks.discriminator)
            for weight in network.trainable_variables
        }

    def activate(self, stage: int, faded_in: tf.Tensor) -> None:
        """Computes with the networks of a stage from now on; see `stages`."""
        self.active = dataclasses.replace(self._stages[stage], faded_in=faded_in)

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

    def sample(
        self,
        latents: tf.Tensor,
        labels: tf.Tensor,
        incomplete: Incomplete | None = None,
        first: int | tf.Tensor = 0,
    ) -> tf.Tensor:
        """Images as the generator draws them: its moving average, where there is one.

        Args:
          latents: `[N, noise_dim]`.
          labels: int32 `[N, attributes]`, -1 where not given; for a conditional generator only.
          incomplete: for a generator that completes.
          first: the number of the first among all that are drawn, see `image_noise.fixed`.
        """
        network = self.active.generator
        noise = image_noise.fixed(network, tf.shape(latents)[0], first)
        inputs = self._inputs(network, latents, labels, noise, incomplete)
        if not self.ema and network is self.generator:
            return network(inputs, training=False)
        values = self.ema or {weight.path: weight.value for weight in self.generator.variables}
        weights = [
            [values[weight.path] for weight in variables]
            for variables in (network.trainable_variables, network.non_trainable_variables)
        ]
        return network.stateless_call(*weights, inputs, training=False)[0]

    def generate(
        self,
        latents: tf.Tensor,
        labels: tf.Tensor,
        noise: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Images in training, from the arguments of `sample` and noise where it takes some."""
        network = self.active.generator
        return applied(network, self.generator, self._inputs(network, latents, labels, noise))

    def encode(self, incomplete: Incomplete) -> Encoded:
        """Pictures in training, for as many completions of them as one likes."""
        return Encoded(
            incomplete.masks, applied(self.active.encoding, self.generator, list(incomplete))
        )

    def complete(self, latents: tf.Tensor, labels: tf.Tensor, encoded: Encoded) -> tf.Tensor:
        """Completed pictures in training, from the other arguments of `sample`."""
        inputs = [latents, encoded.masks, *(encoded.maps[name] for name in sorted(encoded.maps))]
        if sizes := label_sizes(self.recipe):
            inputs.insert(1, labels if len(sizes) > 1 else labels[:, 0])
        return applied(self.active.decoding, self.generator, inputs)

    def styles(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Styles in training, of a style-based generator: float32 `[N, layers, size]`."""
        network = self.active.mapping
        return applied(network, self.generator, self._inputs(network, latents, labels))

    def synthesise(
        self, styles: tf.Tensor, noise: tf.Tensor | None, penalised: bool = False
    ) -> tf.Tensor:
        """Images in training, of styles; penalised: in float32, for second derivatives."""
        active = self.active
        network = active.penalised_synthesis if penalised else active.synthesis
        return applied(network, self.generator, self._inputs(network, styles, None, noise))

    def _inputs(
        self,
        network: keras.Model,
        values: tf.Tensor,
        labels: tf.Tensor | None,
        noise: tf.Tensor | None = None,
        incomplete: Incomplete | None = None,
    ):
        """What `inputs_of` makes, with how much the finest side counts."""
        faded_in = self.active.faded_in
        if faded_in is not None:
            faded_in = tf.fill([tf.shape(values)[0], 1], faded_in)
        return inputs_of(network, values, labels, noise, faded_in, incomplete)

    def logits(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        rng: BatchRng,
        *passes: str,
        penalised: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Logits `[N, 1]` in training, and log-probabilities `[N, 1]` of the labels.

        The latter are None unless the objective classifies, see `label_classification`.

        Args:
          images: `[N, height, width, channels]`.
          labels: int32 `[N, attributes]`, used by a conditional discriminator only.
          rng: the source of dropout masks.
          passes: see `layers_draw_from`.
          penalised: whether to compute in float32, for second derivatives.
        """
        active = self.active
        network = active.discriminator if penalised else active.unpenalised_discriminator
        inputs = self._inputs(network, images, labels)
        with layers_draw_from(rng, *passes):
            if not self.singular_vectors:
                outputs = applied(network, self.discriminator, inputs)
            else:
                normalised = {
                    weight.path: self._spectrally_normalised(weight)
                    for weight in self.discriminator.trainable_variables
                }
                outputs = borrowed(network, normalised, inputs)
        if not self.recipe.objective.classification:
            return outputs, None
        logits, scores = outputs
        sizes = label_sizes(self.recipe)
        if self.recipe.objective.has_auxiliary_classifier:
            return logits, log_probabilities(scores, labels, sizes)
        return with_log_probabilities(logits, scores, labels, sizes)

    def _spectrally_normalised(self, weight: keras.Variable) -> tf.Tensor:
        """The weight, divided by its spectral norm where it has a singular vector."""
        if weight.path not in self.singular_vectors:
            return weight.value
        return spectral.normalise(weight.value, self.singular_vectors[weight.path])

    def update_ema(self) -> None:
        """Moves the average towards the updated generator, in a replica's context."""
        recipe = self.recipe
        if self.ema:
            decay = moving_average.decay_of(
                recipe.ema_half_life, recipe.batch_size, self.step, recipe.ema_ramp_up
            )
            moving_average.update(self.ema, self.generator, decay)

    def constrain_discriminator(self) -> None:
        """Clips weights and advances singular vectors after an update, in a replica's context."""
        weights = {weight.path: weight.value for weight in self.discriminator.trainable_variables}
        if bound := self.recipe.objective.weight_clip:
            for weight in weights.values():
                assign(weight, tf.clip_by_value(weight, -bound, bound))
        for path, vector in self.singular_vectors.items():
            assign(vector, spectral.next_vector(weights[path], vector))

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
