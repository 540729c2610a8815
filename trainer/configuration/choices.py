"""What flags can choose between. No TensorFlow here: wrong flags are refused before its import.

The tables of functions that stand behind these names are in `losses`, `updates`, `annealing`,
`augment`, `models` and `export`; tests hold them together.
"""

from __future__ import annotations

from dataclasses import dataclass

PRECISIONS = ("auto", "float32", "bfloat16")
STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker")
MAX_SEED = 2**31 - 1
NETWORKS = ("generator", "discriminator")
EXPORT_SUFFIXES = {
    "keras": ".keras",
    "weights": ".weights.h5",
    "h5": ".h5",
    "saved_model": "",  # a folder
    "tflite": ".tflite",
}
UPDATES = ("simultaneous", "alternating")
OPTIMIZERS = ("adam", "rmsprop")
SCHEDULES = ("constant", "linear", "cosine", "exponential")
EVALUATION_INTERVAL = 1000  # steps
FEWEST_SAMPLES = 10  # of an evaluation, which asks for the five nearest neighbours of each
OWN_FEATURES = "fashion"  # of the package's network
FEATURES = (OWN_FEATURES, "inception")
CLASSIFIED = ("fashion_mnist", "synthetic")  # data sets that the package's classifiers know
AUGMENTATIONS = ("translation", "cutout")


@dataclass(frozen=True)
class LossSpec:
    """What is known of a loss before TensorFlow is imported."""

    has_targets: bool = False  # numbers that logits should reach
    wants_bound: bool = False  # of the discriminator's slope, without which it diverges


LOSSES = {
    "bce": LossSpec(has_targets=True),
    "lsgan": LossSpec(has_targets=True),
    "wgan": LossSpec(wants_bound=True),
    "hinge": LossSpec(),
    "relativistic": LossSpec(),
}


@dataclass(frozen=True)
class ArchitectureSpec:
    """What is known of an architecture before TensorFlow is imported."""

    drops_out: bool = False  # has places for dropout
    starts_at_zero: bool = False  # some kernel of the discriminator does, and has no norm


ARCHITECTURES = {
    "classic": ArchitectureSpec(drops_out=True),
    "cropped": ArchitectureSpec(drops_out=True),
    "dcgan": ArchitectureSpec(drops_out=True),
    "fashion": ArchitectureSpec(),
    "mlp": ArchitectureSpec(drops_out=True),
    "r3gan": ArchitectureSpec(starts_at_zero=True),
    "residual": ArchitectureSpec(),
    "upsampling": ArchitectureSpec(drops_out=True),
}
