"""The two small classifiers of clothes that evaluations use.

The feature network gives the features that distances are computed from. The class network, of
another architecture, predicts classes: class accuracy does not depend on the feature network.
"""

from __future__ import annotations

import keras
from keras import layers

FEATURES = 128
IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10


def feature_network() -> keras.Model:
    """Images in [0, 1] to `[features [N, 128], logits [N, 10]]`: convolutions, batch norm.

    The last feature map is flattened, not averaged, so that features depend on positions.
    """
    x = inputs = keras.Input(IMAGE_SHAPE, name="images")
    for number, (filters, stride) in enumerate(
        [(32, 1), (32, 2), (64, 1), (64, 1), (96, 2), (96, 1), (64, 2)], start=1
    ):
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False, name=f"conv{number}")(
            x
        )
        x = layers.BatchNormalization(momentum=0.95, name=f"normalisation{number}")(x)
        x = layers.ReLU(name=f"activation{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    features = layers.Dense(FEATURES, activation="relu", name="features")(x)
    logits = layers.Dense(CLASSES, name="logits")(features)
    return keras.Model(inputs, [features, logits], name="feature_network")


def class_network() -> keras.Model:
    """Images in [0, 1] to logits `[N, 10]`: 5 x 5 convolutions, max pooling, no batch norm."""
    x = inputs = keras.Input(IMAGE_SHAPE, name="images")
    for number, filters in enumerate((24, 48, 96), start=1):
        x = layers.Conv2D(
            filters, 5, padding="same", kernel_initializer="he_normal", name=f"conv{number}"
        )(x)
        x = layers.LeakyReLU(0.1, name=f"activation{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    # The name seeds the initial weights, and so decides the published metrics.
    return keras.Model(inputs, layers.Dense(CLASSES, name="logits")(x), name="judge")


BUILDERS = {"feature_network": feature_network, "class_network": class_network}
