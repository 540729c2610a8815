"""Evaluation of a run while it trains: cheap, and against training images only."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.configuration.choices import CLASSIFIED, FEWEST_SAMPLES
from trainer.data import order
from trainer.data.datasets import Attribute, DatasetSpec, LabelledImages
from trainer.evaluation import (
    completed_pictures,
    metric_groups,
    neighbours,
    own_networks,
    packaged_networks,
)
from trainer.evaluation.attribute_metrics import AttributesSeen, attributes_seen
from trainer.evaluation.evaluation_networks import PREDICTION_BATCH, EvaluationNetworks
from trainer.gan import sampling, stages
from trainer.gan.state import FashionGAN
from trainer.run_layout import TRAIN
from trainer.runs.figures import FRECHET
from trainer.system import activity, signals

log = logging.getLogger(__name__)

REFERENCE_IMAGES = 10_000  # of the training images
_IMAGES_OF_A_PART = 4 * PREDICTION_BATCH
SEED = 0  # of the latents, equal in all evaluations, and of the choice of reference images
COLLAPSE_THRESHOLD = 0.05  # of recall and coverage
_EXPECTED = 10  # samples of a value, of which it is no chance that there are none


# A function that gives images, and metrics of them if they are completions; and the labels that
# the images are asked for.
Drawing = tuple[Callable[[], tuple[np.ndarray, dict[str, float]]], np.ndarray | None]


class RunNetworks:
    """What the images of a run are seen with: known, or trained when they are first needed.

    That takes minutes, for which no step waits that comes before the first evaluation.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        load: Callable[[], LabelledImages],
        *places: Path,
        publish: Callable[[], None] = lambda: None,
    ) -> None:
        """Looks for them.

        Args:
          spec: the data.
          load: gives the training images and their labels.
          places: folders in which such networks are kept, see `own_networks.provide`.
          publish: likewise.
        """
        self._train = functools.partial(own_networks.provide, spec, load, *places, publish=publish)
        is_packaged = spec.dataset in CLASSIFIED
        self.known = (
            packaged_networks.provide() if is_packaged else own_networks.find(spec, *places)
        )

    def get(self) -> EvaluationNetworks:
        """Them, trained if they are not known.

        Raises:
          Stopped: the run was asked to stop.
        """
        if self.known is None:
            self.known = self._train()
        return self.known


def has_enough_images(spec: DatasetSpec) -> bool:
    """Whether there are images enough to compare with."""
    return spec.dataset in CLASSIFIED or spec.train_examples >= FEWEST_SAMPLES


def protocol(num: int, evaluation_networks: EvaluationNetworks) -> dict[str, Any]:
    """How a run is evaluated with `num` images: metrics are comparable where this is equal."""
    return {"against": TRAIN, "num": num, "features_sha256": evaluation_networks.features_sha256}


def make_evaluation(
    gan: FashionGAN,
    images: np.ndarray,
    labels: np.ndarray,
    num: int,
    evaluation_networks: EvaluationNetworks,
    quiet: bool = False,
) -> Callable[[], dict[str, float]]:
    """A function that evaluates `num` images of the generator with its current weights.

    On one device and in batches of one size, so that metrics do not depend on the strategy.

    Args:
      gan: the GAN that is trained.
      images: the training images, uint8.
      labels: their labels, `[N, attributes]`.
      num: images to generate.
      evaluation_networks: from `RunNetworks`.
      quiet: whether nothing is logged.

    The function raises `Stopped` if the run is asked to stop: of large pictures it takes minutes,
    longer than there is time to save.
    """
    recipe = gan.recipe
    draw, asked = (_completed if recipe.completion.masks else _generated)(gan, images, labels, num)
    rows = np.sort(order.permutation(SEED, 0, len(images))[:REFERENCE_IMAGES])
    attributes = recipe.data.attributes
    real_shares = _first_shares(attributes, labels[rows])

    @functools.cache
    def reference_features() -> np.ndarray:
        return _in_parts(lambda some: evaluation_networks.features_of(images, some), rows)

    def evaluate() -> dict[str, float]:
        started = time.monotonic()
        fakes, of_completions = draw()
        activity.part("computing features")
        values = metric_groups.feature_metrics(
            _in_parts(evaluation_networks.features, fakes), reference_features(), FRECHET
        )
        predicted = _in_parts(evaluation_networks.values, fakes)
        seen = attributes_seen(attributes, predicted, asked, real_shares)
        values |= _scalars(seen) | of_completions
        if not quiet:
            _report(values, num, time.monotonic() - started)
            _warn_of_collapse(values, _surely_missing(seen, real_shares, num), num, len(rows))
        return values

    return evaluate


def _generated(gan: FashionGAN, _: np.ndarray, labels: np.ndarray, num: int) -> Drawing:
    """Whole images."""
    recipe, generate = gan.recipe, stages.sampler(gan)
    asked = sampling.labels_as_in(recipe, labels, num, SEED)

    def draw() -> tuple[np.ndarray, dict[str, float]]:
        batches = sampling.sample_batches(generate, recipe, num, SEED, asked)
        return sampling.concatenated(signals.until_stopped(batches), num), {}

    return draw, asked


def _completed(gan: FashionGAN, images: np.ndarray, labels: np.ndarray, num: int) -> Drawing:
    """Completions of training images, of others than they are compared with if there are enough."""
    recipe, sample = gan.recipe, tf.function(gan.sample, autograph=False)
    rows = np.roll(order.permutation(SEED, 0, len(images)), -REFERENCE_IMAGES)
    rows = np.sort(np.resize(rows, num))

    def complete(*inputs) -> tf.Tensor:
        signals.check_not_stopped()
        return sample(*inputs)

    def draw() -> tuple[np.ndarray, dict[str, float]]:
        asked = completed_pictures.incomplete_pictures(recipe, images, labels, rows)
        completed = asked.completed(complete, recipe)
        return completed, asked.metrics(complete, recipe, completed)

    return draw, labels[rows]


def _in_parts(see: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """What a network sees in images, or in rows of images.

    Raises:
      Stopped: the run was asked to stop.
    """
    firsts = range(0, len(images), _IMAGES_OF_A_PART)
    return np.concatenate(
        [see(images[first : first + _IMAGES_OF_A_PART]) for first in signals.until_stopped(firsts)]
    )


def _first_shares(attributes: Sequence[Attribute], labels: np.ndarray) -> np.ndarray | None:
    """Of the first attribute's values among real images; None: unknown."""
    if not attributes:
        return None
    return metric_groups.shares_of_labels(labels[:, 0], len(attributes[0].values))


def _scalars(seen: AttributesSeen) -> dict[str, float]:
    """What is known of it, in numbers; of a single attribute under the name of a class."""
    values: dict[str, float | None] = {}
    if seen.shares is not None and seen.missing is not None:
        values["missing_classes"] = float(len(seen.missing))
        values["smallest_class_share"] = min(seen.shares.values())
    if seen.accuracy:
        values["class_accuracy"] = next(iter(seen.accuracy.values()))
    if len(seen.accuracy) > 1:
        values |= {f"attribute_accuracy/{name}": value for name, value in seen.accuracy.items()}
    return {name: value for name, value in values.items() if value is not None}


def _surely_missing(seen: AttributesSeen, real_shares: np.ndarray | None, num: int) -> list[str]:
    """Values that are missing not by chance alone, as of a few samples some always are."""
    if seen.missing is None or seen.shares is None or real_shares is None:
        return []
    expected = dict(zip(seen.shares, real_shares * num, strict=True))
    return [value for value in seen.missing if expected[value] >= _EXPECTED]


def _report(values: dict[str, float], num: int, seconds: float) -> None:
    log.info(
        "evaluation of %d images in %.1f s: %s",
        num,
        seconds,
        ", ".join(f"{name} {value:.3f}" for name, value in values.items()),
    )


def _warn_of_collapse(
    values: dict[str, float], missing: list[str], num: int, reference_images: int
) -> None:
    # Of few samples perfect ones cover little, too: each is a neighbour of some real images.
    perfect = 1 - (1 - min(1.0, neighbours.NEIGHBOURS / reference_images)) ** num
    least = {
        "recall": COLLAPSE_THRESHOLD,
        "coverage": min(COLLAPSE_THRESHOLD, perfect / 2),
    }
    signs = [f"{name} {values[name]:.3f}" for name in least if values[name] < least[name]]
    if missing:
        signs.append(f"hardly any {', '.join(missing)}")
    if signs:
        log.warning("the generator covers little of the data: %s", "; ".join(signs))
