"""A network's parameters and multiply-adds."""

from __future__ import annotations

import math

import keras
from keras import layers

from trainer.models.modulation import ModulatedUpsampling


def multiply_adds(network: keras.Model) -> int:
    """Multiply-adds of dense and convolutional layers for one image."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, layers.Conv2DTranspose):
            inputs = math.prod(layer.output.shape[1:3]) // math.prod(layer.strides)
            total += inputs * math.prod(applied_shape(layer))
        elif isinstance(layer, layers.Conv2D):
            total += math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape)
        elif isinstance(layer, layers.Dense):
            total += math.prod(layer.kernel.shape)
    return total


def applied_shape(layer: keras.layers.Layer) -> tuple[int, ...]:
    """The shape of the kernel that a convolution's inputs meet."""
    upsamples = isinstance(layer, ModulatedUpsampling)
    return tuple((layer.applied_kernel() if upsamples else layer.kernel).shape)


def described(network: keras.Model) -> str:
    """Parameters and millions of multiply-adds, as text."""
    return (
        f"{network.name}: {network.count_params():,} parameters, "
        f"{multiply_adds(network) / 1e6:.1f} MMAC an image"
    )
