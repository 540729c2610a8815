"""Networks in Keras's own layers, so that their files load without this code."""

from __future__ import annotations

import keras

from trainer.models import modulation
from trainer.models.layers import Dropout
from trainer.models.modulation import ModulatedConv2D, ModulatedConv2DTranspose

_KERAS_LAYERS = (
    keras.layers.Dense,
    keras.layers.BatchNormalization,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
)
_MODULATED = (ModulatedConv2D, ModulatedConv2DTranspose)


def with_keras_layers(network: keras.Model) -> keras.Model:
    """The same network, its weights included."""

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, _MODULATED):
            return layer  # `call` puts others in its place
        if isinstance(layer, Dropout):
            return keras.layers.Dropout(layer.rate, name=layer.name)
        layer_class = next((each for each in _KERAS_LAYERS if isinstance(layer, each)), type(layer))
        return layer_class.from_config(layer.get_config())

    def call(layer: keras.layers.Layer, *inputs, **options):
        if isinstance(layer, _MODULATED):
            return modulation.in_keras_layers(layer, *inputs)
        return layer(*inputs, **options)

    clone = keras.models.clone_model(network, clone_function=replace, call_function=call)
    for layer in network.layers:
        if not isinstance(layer, _MODULATED):
            clone.get_layer(layer.name).set_weights(layer.get_weights())
    return clone
