"""What TensorBoard's tags mean, and which of them answer a question; their names never change."""

from __future__ import annotations

import re

from trainer.runs import figures
from trainer.runs.records import EVALUATED, EVALUATED_FRECHET

# Prefixes, behind which a result may say how it was got.
_MEASURED = (EVALUATED.rstrip("/"), "test")

BEST_DISTANCE, LAST_DISTANCE = "quality/frechet_best", "quality/frechet_last"

# Charts by question; of quality the run's own evaluations and those of `evaluate`.
QUESTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "how good": {
        "Fréchet distance: lower is better": (EVALUATED_FRECHET, f"test/{figures.FRECHET}"),
        "another classifier sees the class asked for": (
            f"{EVALUATED}class_accuracy",
            "test/class_accuracy",
        ),
    },
    "how diverse": {
        "share of the real images that are covered": (
            f"{EVALUATED}recall",
            f"{EVALUATED}coverage",
        ),
        "share of the generated images that look real": (
            f"{EVALUATED}precision",
            f"{EVALUATED}density",
        ),
    },
    "who is ahead": {
        "losses": ("loss/generator", "loss/discriminator"),
        "scores": ("score/real", "score/fake"),
    },
    "how fast": {
        "images a second": ("throughput/images_per_second",),
        "gradient norms": ("gradient_norm/generator", "gradient_norm/discriminator"),
        "learning rates": ("learning_rate/generator", "learning_rate/discriminator"),
    },
}
_MEANINGS = {
    "loss/generator": "The generator's adversarial loss: who is ahead, not how good images are.",
    "loss/discriminator": "The discriminator's adversarial loss, without penalties or labels.",
    "loss/penalty": "The discriminator's penalty, weighted; 0 in updates without one.",
    "loss/labels": "How badly the discriminator tells the labels of real images, weighted.",
    "loss/recognition": "How badly the generator tells labels from what is known, weighted.",
    "score/real": "Mean sigmoid of the logits of real images; with --loss=bce a probability.",
    "score/fake": "The same for generated images: near score/real, the discriminator is fooled.",
    "gradient_norm/": "Length of the gradient before the optimizer scales it.",
    "learning_rate/": "The rate in force.",
    "path_length/mean": "Change of images per change of styles that --path_length holds them to.",
    "completion/": "Distances of completions in training, where pixels are missing, out of 2.",
    "augmentation/": "What --augment=adaptive does.",
    "throughput/images_per_second": "Images of the data set used per second, over the last loop.",
    BEST_DISTANCE: "The lowest Fréchet distance to training images so far.",
    LAST_DISTANCE: "The last Fréchet distance to training images.",
    "samples": "Always the same latents, or pictures to complete, after each epoch.",
    "preview": "The same between epochs; the longer the run, the less often.",
    "edits/directions": "One sample along each of the directions that `edit --directions` draws.",
    "edits/mixtures": "Coarse styles from the left, fine ones from above, as `edit --mix` draws.",
    "real": "Images of the data set, in the same rows where there are classes.",
}


def pattern(tag: str) -> str:
    """A regular expression of a tag, and of the same figure where it was got otherwise."""
    prefix, _, name = tag.partition("/")
    otherwise = r"( \(.*\))?" if prefix in _MEASURED else ""
    return f"{re.escape(prefix)}{otherwise}/{re.escape(name)}"


def described(tag: str) -> str | None:
    """What a tag means, in a line; None: its name says all."""
    prefix, _, name = tag.partition("/")
    is_measured = prefix.split(" ")[0] in _MEASURED
    of_figure = figures.named(name).described if is_measured else ""
    return _MEANINGS.get(tag) or _MEANINGS.get(f"{prefix}/") or of_figure or None
