"""The DCGAN of TensorFlow's tutorial, after Radford et al. 2015 (arXiv:1511.06434)."""

from __future__ import annotations

import keras
from keras import layers

from trainer.models.layers import BatchNormalization, Dropout


def generator(noise_dim: int, image_shape: tuple[int, int, int]) -> keras.Model:
    """Latents `[N, noise_dim]` to images `[N, *image_shape]` in [-1, 1]. Sides divide by four."""
    height, width, channels = image_shape
    latents = keras.Input((noise_dim,), name="latents")
    x = layers.Dense(height // 4 * (width // 4) * 256, use_bias=False, name="dense")(latents)
    x = _normalised(x, "dense")
    x = layers.Reshape((height // 4, width // 4, 256), name="reshape")(x)
    for number, (filters, stride) in enumerate(((128, 1), (64, 2)), start=1):
        name = f"up{number}"
        x = layers.Conv2DTranspose(filters, 5, stride, padding="same", use_bias=False, name=name)(x)
        x = _normalised(x, name)
    images = layers.Conv2DTranspose(
        channels,
        5,
        2,
        padding="same",
        use_bias=False,
        activation="tanh",
        dtype="float32",
        name="images",
    )(x)
    return keras.Model(latents, images, name="generator")


def discriminator(image_shape: tuple[int, int, int], dropout: float) -> keras.Model:
    """Images `[N, *image_shape]` to logits `[N, 1]`, large for real ones."""
    images = keras.Input(image_shape, name="images")
    x = images
    for number, filters in enumerate((64, 128), start=1):
        x = layers.Conv2D(filters, 5, 2, padding="same", name=f"down{number}")(x)
        x = layers.LeakyReLU(0.3, name=f"down{number}_activation")(x)
        x = Dropout(dropout, name=f"down{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    logits = layers.Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name="discriminator")


def _normalised(x, name: str):
    x = BatchNormalization(name=f"{name}_normalisation")(x)
    return layers.LeakyReLU(0.3, name=f"{name}_activation")(x)
