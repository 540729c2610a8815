"""What flags can choose between, and what must be known of it before TensorFlow is imported.

The functions behind these names are in tables of `gan/losses`, `gan/training_step`,
`gan/schedules`, `gan/augmentation`, `gan/optimizers`, `models/architectures` and
`runs/export_formats`; tests compare them.
"""

from __future__ import annotations

from dataclasses import dataclass

PRECISIONS = ("auto", "float32", "bfloat16")
JIT_COMPILE = {"auto": None, "true": True, "false": False}
FORMS = ("auto", "library")
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
AUGMENTATIONS = ("colour", "translation", "cutout")  # in the order in which they are applied
ADAPTIVE = "adaptive"  # beside them: as often as the discriminator's overfitting asks for
AUGMENT_TARGET = 0.6  # Karras et al. 2020, arXiv:2006.06676


@dataclass(frozen=True)
class LossSpec:
    """What is known of a loss before TensorFlow is imported."""

    has_targets: bool = False  # numbers that logits should reach
    needs_lipschitz_bound: bool = False  # diverges unless the discriminator's gradient is bounded


LOSSES = {
    "bce": LossSpec(has_targets=True),
    "lsgan": LossSpec(has_targets=True),
    "wgan": LossSpec(needs_lipschitz_bound=True),
    "hinge": LossSpec(),
    "relativistic": LossSpec(),
}


@dataclass(frozen=True)
class ArchitectureSpec:
    """What is known of an architecture before TensorFlow is imported."""

    has_dropout: bool = False  # its discriminator has dropout layers
    has_zero_kernels: bool = False  # a kernel of its discriminator starts at zero, and has no norm


ARCHITECTURES = {
    "classic": ArchitectureSpec(has_dropout=True),
    "cropped": ArchitectureSpec(has_dropout=True),
    "dcgan": ArchitectureSpec(has_dropout=True),
    "fashion": ArchitectureSpec(),
    "mlp": ArchitectureSpec(has_dropout=True),
    "r3gan": ArchitectureSpec(has_zero_kernels=True),
    "residual": ArchitectureSpec(),
    "upsampling": ArchitectureSpec(has_dropout=True),
}
