"""JAX: networks in Flax, Adam of Optax, a step in `jit` that gives its state's memory back."""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from scripts.contenders import (
    DROPOUT,
    EPSILON,
    LEARNING_RATE,
    MOMENTUM,
    NOISE_DIM,
    SLOPE,
    VARIANCE_EPSILON,
    Train,
)

State = dict[str, Any]  # weights, statistics, optimizers


def prepare(images: np.ndarray, batch_size: int, precision: str) -> Train:
    """See `scripts.contenders`."""
    generator, discriminator = (kind(jnp.dtype(precision)) for kind in (_Generator, _Discriminator))
    adam = optax.adam(LEARNING_RATE, eps=EPSILON)
    state = _first_state(generator, discriminator, adam)
    step = jax.jit(partial(_step, generator, discriminator, adam), donate_argnums=0)
    pixels = jnp.asarray(images)
    random = np.random.default_rng(0)
    order = random.permutation(len(images))
    number = place = 0

    def train(steps: int) -> float:
        nonlocal state, order, number, place
        for _ in range(steps):
            if place + batch_size > len(order):
                order, place = random.permutation(len(images)), 0
            rows = order[place : place + batch_size]
            state, loss = step(state, pixels, rows, number)
            place, number = place + batch_size, number + 1
        return float(loss)

    return train


def _first_state(
    generator: nn.Module, discriminator: nn.Module, adam: optax.GradientTransformation
) -> State:
    key = jax.random.key(0)
    made = generator.init(key, jnp.zeros((1, NOISE_DIM)))
    judged = discriminator.init({"params": key, "dropout": key}, jnp.zeros((1, 28, 28, 1)))
    weights = [made["params"], judged["params"]]
    return {
        "weights": weights,
        "statistics": made["batch_stats"],
        "optimizers": [adam.init(each) for each in weights],
    }


def _step(
    generator: nn.Module,
    discriminator: nn.Module,
    adam: optax.GradientTransformation,
    state: State,
    pixels: jax.Array,
    rows: jax.Array,
    number: int,
) -> tuple[State, jax.Array]:
    """One update of both networks by the same fakes; gives the sum of their losses, too."""
    keys = jax.random.split(jax.random.fold_in(jax.random.key(1), number), 3)
    real = pixels[rows].astype(jnp.float32) / 127.5 - 1
    latents = jax.random.normal(keys[0], (len(rows), NOISE_DIM))

    def make(weights: Any) -> tuple[jax.Array, Any]:
        variables = {"params": weights, "batch_stats": state["statistics"]}
        fakes, changed = generator.apply(variables, latents, mutable=["batch_stats"])
        return fakes, changed["batch_stats"]

    def judge(weights: Any, fakes: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = [
            discriminator.apply({"params": weights}, shown, rngs={"dropout": key})
            for shown, key in ((real, keys[1]), (fakes, keys[2]))
        ]
        return _losses(*logits)

    fakes, back_to_generator, statistics = jax.vjp(make, state["weights"][0], has_aux=True)
    losses, back = jax.vjp(judge, state["weights"][1], fakes)
    one, zero = jnp.ones(()), jnp.zeros(())
    _, lesson = back((one, zero))
    discriminator_gradients, _ = back((zero, one))
    (generator_gradients,) = back_to_generator(lesson)
    weights, optimizers = [], []
    for own, optimizer, found in zip(
        state["weights"],
        state["optimizers"],
        (generator_gradients, discriminator_gradients),
        strict=True,
    ):
        changes, optimizer = adam.update(found, optimizer, own)
        weights.append(optax.apply_updates(own, changes))
        optimizers.append(optimizer)
    after = {"weights": weights, "statistics": statistics, "optimizers": optimizers}
    return after, losses[0] + losses[1]


def _losses(real_logits: jax.Array, fake_logits: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cross-entropies: the generator's and the discriminator's."""
    entropy = optax.sigmoid_binary_cross_entropy
    ones, zeros = jnp.ones_like(real_logits), jnp.zeros_like(fake_logits)
    of_discriminator = entropy(real_logits, ones).mean() + entropy(fake_logits, zeros).mean()
    return entropy(fake_logits, ones).mean(), of_discriminator


class _Generator(nn.Module):
    dtype: Any

    @nn.compact
    def __call__(self, latents: jax.Array) -> jax.Array:
        def activated(x: jax.Array) -> jax.Array:
            x = nn.BatchNorm(
                use_running_average=False,
                momentum=MOMENTUM,
                epsilon=VARIANCE_EPSILON,
                dtype=self.dtype,
            )(x)
            return nn.leaky_relu(x, SLOPE)

        x = activated(nn.Dense(7 * 7 * 256, use_bias=False, dtype=self.dtype)(latents))
        x = x.reshape(-1, 7, 7, 256)
        for filters, stride in ((128, 1), (64, 2)):
            x = activated(
                nn.ConvTranspose(
                    filters, (5, 5), (stride, stride), use_bias=False, dtype=self.dtype
                )(x)
            )
        last = nn.ConvTranspose(1, (5, 5), (2, 2), use_bias=False, dtype=jnp.float32)
        return jnp.tanh(last(x.astype(jnp.float32)))


class _Discriminator(nn.Module):
    dtype: Any

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        x = images
        for filters in (64, 128):
            # The margins that "same" gives, as in the other libraries' networks.
            x = nn.Conv(filters, (5, 5), (2, 2), dtype=self.dtype)(x)
            x = nn.Dropout(DROPOUT, deterministic=False)(nn.leaky_relu(x, SLOPE))
        x = x.reshape(len(x), -1)
        return nn.Dense(1, dtype=jnp.float32)(x)
