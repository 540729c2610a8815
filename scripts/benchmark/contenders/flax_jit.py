"""JAX: networks in Flax, Adam of Optax, a step in `jit` that gives its state's memory back.

Both networks learn from one way back through the discriminator, as with us.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from scripts.benchmark.contenders import (
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

_LAYOUT = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}


def prepare(images: np.ndarray, batch_size: int, precision: str) -> Train:
    """See `scripts.benchmark.contenders`."""
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

    def discriminate(weights: Any, fakes: jax.Array) -> tuple[jax.Array, ...]:
        return tuple(
            discriminator.apply({"params": weights}, shown, rngs={"dropout": key})
            for shown, key in ((real, keys[1]), (fakes, keys[2]))
        )

    fakes, back_to_generator, statistics = jax.vjp(make, state["weights"][0], has_aux=True)
    logits, back = jax.vjp(discriminate, state["weights"][1], fakes)
    losses, back_from_losses = jax.vjp(_losses, *logits)
    one, zero = jnp.ones(()), jnp.zeros(())
    _, asked = back_from_losses((one, zero))
    by_real, by_fake = back_from_losses((zero, one))
    discriminator_gradients, input_gradients = back((by_real, by_fake))
    factor = (asked / by_fake)[:, :, None, None]
    (generator_gradients,) = back_to_generator(factor * input_gradients)
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
            x = activated(_Transposed(filters, stride, self.dtype)(x))
        return jnp.tanh(_Transposed(1, 2, jnp.float32)(x))


class _Transposed(nn.Module):
    """A transposed convolution of 5 x 5 without a bias."""

    filters: int
    stride: int
    dtype: Any

    @nn.compact
    def __call__(self, parts: jax.Array) -> jax.Array:
        shape = (5, 5, self.filters, parts.shape[-1])
        kernel = self.param("kernel", nn.initializers.lecun_normal(in_axis=-1, out_axis=-2), shape)
        return _spread(parts.astype(self.dtype), kernel.astype(self.dtype), self.stride)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _spread(parts: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """`[N, h, w, depth]` to `[N, stride * h, stride * w, filters]`.

    JAX's own gradient by the kernel takes a processor thirty times as long as that of the
    convolution whose transpose this is.
    """
    strides = (stride, stride)
    return lax.conv_transpose(parts, kernel, strides, "SAME", transpose_kernel=True, **_LAYOUT)


def _spread_forward(parts: jax.Array, kernel: jax.Array, stride: int) -> tuple[jax.Array, Any]:
    return _spread(parts, kernel, stride), (parts, kernel)


def _spread_back(
    stride: int, known: Any, output_gradients: jax.Array
) -> tuple[jax.Array, jax.Array]:
    parts, kernel = known

    def narrowed(images: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(images, kernel, (stride, stride), "SAME", **_LAYOUT)

    by_parts, back = jax.vjp(partial(narrowed, output_gradients), kernel)
    return by_parts, back(parts)[0]


_spread.defvjp(_spread_forward, _spread_back)


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
