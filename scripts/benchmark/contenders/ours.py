"""Our own trainer, by the parts of a run: configuration, cluster, feeding, order, steps."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Sequence

import numpy as np

from scripts.benchmark.contenders import Train
from trainer.configuration import flags, step_counts
from trainer.data import feeding, order
from trainer.distribution import cluster_spec, strategies
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.state import FashionGAN
from trainer.gan.training_step import METRICS
from trainer.system import cores

HORIZON = 10**6  # steps, at which schedules would end
LOSSES = [METRICS.index(f"loss/{network}") for network in ("generator", "discriminator")]


def prepare(
    images: np.ndarray,
    batch_size: int,
    precision: str,
    given: Sequence[str] = (),
    steps_a_loop: int = 0,
) -> Train:
    """See `scripts.benchmark.contenders`.

    Args:
      images: see there.
      batch_size: see there.
      precision: see there.
      given: of `fashion-gan train`, the recipe among them.
      steps_a_loop: between two looks at the host; 0: all that are asked for.
    """
    member = cluster_spec.this_worker("auto", os.environ)
    threads = max(1, cores.available() // len(member.addresses))
    decided = [f"--batch_size={batch_size}", f"--precision={precision}", f"--threads={threads}"]
    config = flags.train(["train", "--job_dir=unused", *given, *decided])
    recipe = config.recipe
    within = contextlib.ExitStack()  # left open: the process ends in there
    strategy = within.enter_context(strategies.joined_cluster(config.runtime, member, 0)).strategy
    with strategy.scope():
        gan = FashionGAN(recipe, HORIZON)
    labels = np.zeros((len(images), len(recipe.data.attributes)), np.int64)  # others take as long
    feed = feeding.feed(images, labels, strategy.extended.worker_devices)
    train_steps = make_train_steps(gan, strategy, feed)
    batch = step_counts.images_a_step(recipe)
    step = 0

    def rows(first: int, count: int) -> np.ndarray:
        return order.batches(recipe.seed, feed.examples, batch, first, count)

    def train(steps: int) -> float:
        nonlocal step
        end = step + steps
        while step < end:
            count = min(steps_a_loop or steps, end - step)
            sent = feed.send(rows(step, count))
            step += count
            feed.read_ahead(functools.partial(rows, step))
            means, _ = train_steps(*sent)
            losses = means.numpy()[LOSSES]
        return float(losses.sum())

    return train
