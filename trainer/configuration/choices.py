"""What flags can choose between, and what must be known about it before TensorFlow is imported.

The functions behind these names are in tables of `gan/losses`, `gan/training_step`,
`gan/schedules`, `gan/augmentation`, `gan/masks`, `gan/optimizers`, `models/architectures` and
`runs/export_formats`; tests compare them.
"""

from __future__ import annotations

from dataclasses import dataclass

PRECISIONS = ("auto", "float32", "bfloat16")
JIT_COMPILE = {"auto": None, "true": True, "false": False}
FORMS = ("auto", "library")
STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker")
LATEST = "latest"  # the value of --checkpoint for the newest one
MAX_SEED = 2**31 - 1
NETWORKS = ("generator", "discriminator")
EXPORT_SUFFIXES = {
    "keras": ".keras",
    "weights": ".weights.h5",
    "h5": ".h5",
    "saved_model": "",  # a folder
    "tflite": ".tflite",
    "onnx": ".onnx",
}
NOISES = ("fixed", "input")  # of an exported generator
UPDATES = ("simultaneous", "alternating")
CLASSIFIERS = ("projection", "auxiliary")  # of labels, in the discriminator
OPTIMIZERS = ("adam", "rmsprop")
SCHEDULES = ("constant", "linear", "cosine", "exponential")
EVALUATION_INTERVAL = 1000  # steps
FEWEST_SAMPLES = 10  # of an evaluation, which asks for the five nearest neighbours of each
# Of the package's network, of one that is trained on the set itself, of Inception.
FASHION, OWN, INCEPTION = "fashion", "own", "inception"
FEATURES = (FASHION, OWN, INCEPTION)
CLASSIFIED = ("fashion_mnist", "synthetic")  # data sets that the package's classifiers know
FITS = ("crop", "pad")
ATTRIBUTE_DROPOUT = 0.1  # of sets with several attributes
MASKS = ("centre", "box", "half", "strokes", "scattered")
AUGMENTATIONS = ("colour", "translation", "cutout")  # in the order in which they are applied
ADAPTIVE = "adaptive"  # beside them: as often as the discriminator's overfitting asks for
AUGMENT_TARGET = 0.6  # Karras et al. 2020, arXiv:2006.06676


def features_of(dataset: str, asked: str | None) -> str:
    """The features that a data set is evaluated with where none, or these, are asked for."""
    return asked or (FASHION if dataset in CLASSIFIED else OWN)


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
    projects: bool = False  # its discriminator has a projection of labels
    style_based: bool = False  # its generator makes styles of latents
    grows: bool = False  # its networks can be built for a part of the sides
    completes: bool = False  # its generator takes pictures and masks
    width: int = 0  # channels at the finest side, unless --width says otherwise; 0: has none
    max_width: int = 0  # the most channels at any side, unless a flag says otherwise
    mapping_layers: int | None = None  # of its mapping network, likewise; None: it has none

    def widths(self, width: int | None, max_width: int | None) -> tuple[int, int]:
        """Both as given, else the architecture's own, the most in proportion to the finest."""
        finest = width or self.width
        most = finest * self.max_width // self.width if self.width else 0
        return finest, max_width or most


ARCHITECTURES = {
    "classic": ArchitectureSpec(has_dropout=True, width=32, max_width=512),
    "comodulated": ArchitectureSpec(
        projects=True, completes=True, width=32, max_width=512, mapping_layers=2
    ),
    "cropped": ArchitectureSpec(has_dropout=True, width=64, max_width=1024),
    "dcgan": ArchitectureSpec(has_dropout=True, width=64, max_width=1024),
    "fashion": ArchitectureSpec(projects=True, width=32, max_width=512),
    "mlp": ArchitectureSpec(has_dropout=True),
    "r3gan": ArchitectureSpec(has_zero_kernels=True, projects=True, width=48, max_width=192),
    "residual": ArchitectureSpec(projects=True, width=64, max_width=64),
    "residual_mean": ArchitectureSpec(projects=True, width=64, max_width=64),
    "style": ArchitectureSpec(
        projects=True, style_based=True, width=32, max_width=512, mapping_layers=0
    ),
    "style_joint": ArchitectureSpec(
        projects=True, style_based=True, width=32, max_width=512, mapping_layers=2
    ),
    # Two layers, as Karras et al. 2020, arXiv:2006.06676, have at small sides.
    "stylegan": ArchitectureSpec(
        projects=True, style_based=True, grows=True, width=32, max_width=512, mapping_layers=2
    ),
    "stylegan_joint": ArchitectureSpec(
        projects=True, style_based=True, grows=True, width=32, max_width=128, mapping_layers=2
    ),
    "stylegan_transposed": ArchitectureSpec(
        projects=True, style_based=True, grows=True, width=32, max_width=512, mapping_layers=2
    ),
    "upsampling": ArchitectureSpec(has_dropout=True, width=32, max_width=256),
}
# Architectures of runs that earlier versions began, and what those called them.
FORMER_NAMES = {
    "residual_mean": "residual",
    "style_joint": "style",
    "stylegan_joint": "stylegan",
    "stylegan_transposed": "stylegan",
}
PROJECTING = tuple(name for name, spec in ARCHITECTURES.items() if spec.projects)
GROWING = tuple(name for name, spec in ARCHITECTURES.items() if spec.grows)
COMPLETING = tuple(name for name, spec in ARCHITECTURES.items() if spec.completes)
