"""Many training steps in one graph, over all replicas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from trainer.configuration import step_counts
from trainer.data import pixels
from trainer.data.feeding import Feed
from trainer.gan import stages
from trainer.gan.compilation import by_xla, not_compiled
from trainer.gan.real_batches import Batch, as_shown
from trainer.gan.state import FashionGAN
from trainer.gan.training_step import UPDATES, metric_names
from trainer.randomness import BatchRng

TrainSteps = Callable[..., tuple[tf.Tensor, tf.Tensor]]


def make_train_steps(
    gan: FashionGAN,
    strategy: tf.distribute.Strategy,
    feed: Feed,
    jit_compile: bool = False,
    stage: int | None = None,
) -> TrainSteps:
    """Makes a graph that trains for one step a batch.

    Args:
      gan: the state, made in the strategy's scope.
      strategy: where the replicas run.
      feed: how the replicas get their examples.
      jit_compile: whether XLA compiles the step; see `compilation`.
      stage: of a run that grows, see `Growth`; None: networks at full size.

    Returns:
      A function of what `feed.send` returns for rows int32 `[steps, critic_steps * batch_size]`.
      It returns the means of the metrics over these steps, float32 in the order of `metric_names`,
      and the first step with a metric that is not finite or with weights that overflow, int64, or
      -1.
    """
    replica_step = _make_replica_step(gan, strategy.num_replicas_in_sync, feed, jit_compile, stage)
    batch = step_counts.images_a_step(gan.recipe)

    # Autograph would read `for` and `if`, but converting them takes longer than the first steps.
    @tf.function(input_signature=feed.signature(batch), autograph=False)
    def train_steps(*sent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        steps = tf.shape(sent[0])[0]

        def train_step(
            i: tf.Tensor, totals: tf.Tensor, first_bad: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            parts = [part[i] for part in sent]
            metrics, step = _trained_once(gan, strategy, replica_step, parts)
            is_bad = ~tf.reduce_all(tf.math.is_finite(metrics))
            first_bad = tf.where(is_bad & (first_bad < 0), step + 1, first_bad)
            return i + 1, totals + metrics, first_bad

        _, totals, first_bad = tf.while_loop(
            lambda i, *_: i < steps,
            train_step,
            (0, tf.zeros([len(metric_names(gan.recipe))]), tf.constant(-1, tf.int64)),
            parallel_iterations=1,  # each step reads what the one before it wrote
        )
        # An overflow in the last update would show in metrics only in the next loop, once saved.
        first_bad = tf.where(_overflows(gan) & (first_bad < 0), gan.step, first_bad)
        return totals / tf.cast(steps, tf.float32), first_bad

    return train_steps


def _trained_once(
    gan: FashionGAN,
    strategy: tf.distribute.Strategy,
    replica_step: Callable[[Sequence[tf.Tensor], tf.Tensor], tf.Tensor],
    parts: Sequence[tf.Tensor],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Trains a step on all replicas: its metrics, and its number, from 0."""
    step = gan.step.read_value()
    per_replica = strategy.run(replica_step, args=(parts, step))
    metrics, *_ = strategy.experimental_local_results(per_replica)
    gan.step.assign_add(1)
    return metrics, step


def _overflows(gan: FashionGAN) -> tf.Tensor:
    """Whether weights are not finite, or too large to be squared."""
    networks = (gan.generator, gan.discriminator)
    weights = [weight.value for network in networks for weight in network.trainable_weights]
    return ~tf.math.is_finite(tf.linalg.global_norm(weights))


def _make_replica_step(
    gan: FashionGAN, replicas: int, feed: Feed, jit_compile: bool, stage: int | None
) -> Callable[[Sequence[tf.Tensor], tf.Tensor], tf.Tensor]:
    """One step of a replica on its rows of what was sent to it; returns the metrics."""
    objective, batch_size = gan.recipe.objective, gan.recipe.batch_size
    update = UPDATES[objective.update]
    rows = batch_size // replicas
    in_whole = by_xla if jit_compile and replicas == 1 else not_compiled
    in_parts = by_xla if jit_compile and replicas > 1 else not_compiled

    def replica_step(sent: Sequence[tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        replica = int(
            tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
        )

        def batch(index: int) -> Batch:
            first = index * batch_size + replica * rows
            images, labels = feed.fetch([part[first : first + rows] for part in sent], replica)
            return pixels.to_floats(images, gan.pixel_min), labels

        def updated(step: tf.Tensor, batches: list[Batch]) -> tf.Tensor:
            rng = BatchRng(gan.recipe.seed, step, replica * rows, rows, jit_compile)
            shown = [as_shown(gan.recipe, each, rng, number) for number, each in enumerate(batches)]
            if stage is None:
                return update(gan, shown, rng, in_parts)
            shown = [
                (stages.shrunk(gan.recipe, images, stage, step), labels) for images, labels in shown
            ]
            return update(stages.at_stage(gan, stage, step), shown, rng, in_parts)

        batches = [batch(index) for index in range(objective.critic_steps)]
        return in_whole(updated)(step, batches)

    return replica_step
