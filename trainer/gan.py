"""FashionGAN: the state of a training (networks, optimizers, step) and the step over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from trainer import losses
from trainer.config import Recipe
from trainer.data import DATASETS, pixels
from trainer.models import ARCHITECTURES
from trainer.models.layers import initialise
from trainer.randomness import Draws, drawing_from

METRICS = (
    "loss/generator",
    "loss/discriminator",
    "score/real",
    "score/fake",
    "gradient_norm/generator",
    "gradient_norm/discriminator",
)


def build_networks(recipe: Recipe, precision: str) -> tuple[keras.Model, keras.Model]:
    """The recipe's generator and discriminator, with Keras's initial weights."""
    image_shape = DATASETS[recipe.dataset].image_shape
    architecture = ARCHITECTURES[recipe.architecture]
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        return (
            architecture.generator(recipe.noise_dim, image_shape),
            architecture.discriminator(image_shape, recipe.dropout),
        )
    finally:
        keras.config.set_dtype_policy("float32")


class FashionGAN:
    """Generator, discriminator, their optimizers and the step. Make it in a strategy's scope."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.generator, self.discriminator = build_networks(recipe, recipe.precision)
        for network in (self.generator, self.discriminator):
            initialise(network, recipe.seed, network.name)
        self.generator_optimizer = keras.optimizers.Adam(
            recipe.generator_learning_rate, name="generator_optimizer"
        )
        self.discriminator_optimizer = keras.optimizers.Adam(
            recipe.discriminator_learning_rate, name="discriminator_optimizer"
        )
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.step = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            name="step",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def state(self) -> dict[str, dict[str, tf.Variable]]:
        """Every variable that a resume needs, by part and path."""
        parts = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }
        variables = {
            name: {variable.path: variable.value for variable in part.variables}
            for name, part in parts.items()
        }
        return {**variables, "training": {"step": self.step}}

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

    def sample(self, latents: tf.Tensor) -> tf.Tensor:
        """Latents `[N, noise_dim]` to images in [-1, 1], as the finished generator makes them."""
        return self.generator(latents, training=False)

    def train_step(self, images: tf.Tensor, draws: Draws) -> tf.Tensor:
        """One simultaneous update of both networks, in a replica's context.

        Args:
          images: this replica's rows of the global batch, in [-1, 1].
          draws: the random numbers of those rows.

        Returns:
          float32 `[len(METRICS)]`: summed over the replicas, the metrics of the global batch.
        """
        share = 1.0 / self.recipe.batch_size
        latents = draws.normal("latents", self.recipe.noise_dim)
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fakes = self.generator(latents, training=True)
            with drawing_from(draws, "real"):
                real_logits = self.discriminator(images, training=True)
            with drawing_from(draws, "fake"):
                fake_logits = self.discriminator(fakes, training=True)
            # Gradients are summed over replicas, therefore divided by the global batch here.
            generator_loss = tf.reduce_sum(losses.bce_generator(fake_logits)) * share
            discriminator_loss = (
                tf.reduce_sum(losses.bce_discriminator(real_logits, fake_logits)) * share
            )
        norms = [
            _apply(self.generator_optimizer, self.generator, generator_tape, generator_loss),
            _apply(
                self.discriminator_optimizer,
                self.discriminator,
                discriminator_tape,
                discriminator_loss,
            ),
        ]
        scores = [
            tf.reduce_sum(tf.sigmoid(logits)) * share for logits in (real_logits, fake_logits)
        ]
        return tf.stack([generator_loss, discriminator_loss, *scores, *norms])


def _apply(
    optimizer: keras.Optimizer, network: keras.Model, tape: tf.GradientTape, loss: tf.Tensor
) -> tf.Tensor:
    """Updates the network; returns this replica's share of the global gradient's norm."""
    variables = network.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas > 1:
        # The optimizer will sum over replicas too. Summing here as well costs a second all-reduce;
        # the norm of the global gradient cannot be had without the global gradient.
        summed = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        gradients = [gradient / replicas for gradient in summed]
    else:
        summed = gradients
    optimizer.apply(gradients, variables)
    return tf.linalg.global_norm(summed) / replicas


TrainSteps = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def make_train_steps(
    gan: FashionGAN, strategy: tf.distribute.Strategy, images: Sequence[tf.Variable]
) -> TrainSteps:
    """A graph that trains for as many steps as it is given batches.

    Args:
      gan: the state, made in the strategy's scope.
      strategy: where the replicas run.
      images: the resident data set, one copy a replica.

    Returns:
      A function of indices int32 `[steps, batch_size]` that gives the means of the metrics over
      these steps, float32 `[len(METRICS)]`, and the first step with a metric that is not finite
      or with weights that overflow, int64, or -1.
    """
    replicas = strategy.num_replicas_in_sync
    rows = gan.recipe.batch_size // replicas
    networks = (gan.generator, gan.discriminator)
    weights = [weight.value for network in networks for weight in network.trainable_variables]

    def replica_step(indices: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        replica = int(
            tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
        )
        first_row = replica * rows
        draws = Draws(gan.recipe.seed, step, first_row, rows)
        batch = pixels.gather(images[replica], indices[first_row : first_row + rows])
        return gan.train_step(batch, draws)

    @tf.function(input_signature=[tf.TensorSpec([None, gan.recipe.batch_size], tf.int32)])
    def train_steps(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        steps = tf.shape(indices)[0]
        totals = tf.zeros([len(METRICS)])
        first_bad = tf.constant(-1, tf.int64)
        for i in tf.range(steps):
            step = gan.step.read_value()
            per_replica = strategy.run(replica_step, args=(indices[i], step))
            metrics = strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)
            gan.step.assign_add(1)
            bad = not tf.reduce_all(tf.math.is_finite(metrics))
            first_bad = tf.where(tf.logical_and(bad, first_bad < 0), step + 1, first_bad)
            totals += metrics
        # A last update that overflows would show only in the next loop, after it was saved.
        overflow = not tf.math.is_finite(tf.linalg.global_norm(weights))
        first_bad = tf.where(tf.logical_and(overflow, first_bad < 0), gan.step, first_bad)
        return totals / tf.cast(steps, tf.float32), first_bad

    return train_steps
