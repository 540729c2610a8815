"""Discriminators that also tell the labels of real images, by their projection or a layer more."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.configuration import flags
from trainer.configuration.choices import ARCHITECTURES, PROJECTING
from trainer.configuration.config import Recipe
from trainer.gan import step_gradients
from trainer.gan.networks import build_networks
from trainer.gan.state import FashionGAN
from trainer.gan.step_gradients import UpdateInputs
from trainer.models import label_classification
from trainer.models.keras_layers import with_keras_layers
from trainer.models.label_classification import with_label_scores, with_training_logits
from trainer.models.layers import initialise
from trainer.randomness import BatchRng
from trainer.runs import export_formats
from trainer.runs.trained_networks import Trained
from trainer.system.exits import RefusedError

VALUES = (10, 8, 3)  # of synthetic_garments' class, colour and pattern
NOTHING = 1e-30  # as a weight, of a loss whose probabilities are still part of the logits
PROJECTION, AUXILIARY = "--classifier=projection", "--classifier=auxiliary"
GIVEN = [[1, 2, 0], [9, -1, 2], [-1, -1, -1], [0, 7, -1]]


def recipe(*more: str) -> Recipe:
    given = ["--job_dir=x", "--dataset=synthetic_garments", "--image_size=28", "--batch_size=4"]
    given += ["--precision=float32"]
    return flags.train(["train", *given, "--conditional", *more]).recipe


def of_architecture(name: str) -> Recipe:
    completing = ("--masks=box",) if ARCHITECTURES[name].completes else ()
    return recipe("--preset=fashion", f"--architecture={name}", "--classification=0", *completing)


def log_probability(scores: list[np.ndarray], row: int, given: list[int]) -> float:
    """Of a row's given labels, by the scores of each attribute's values."""
    return sum(
        float(tf.nn.log_softmax(part[row])[label])
        for label, part in zip(given, scores, strict=True)
        if label >= 0
    )


def images(stream: int) -> tf.Tensor:
    return tf.random.stateless_uniform([4, 28, 28, 3], [stream, 2])


@pytest.mark.parametrize("architecture", PROJECTING)
def test_a_score_is_what_its_label_alone_adds_to_the_logit(architecture):
    _, discriminator = build_networks(of_architecture(architecture), "float32")
    initialise(discriminator, 0, "discriminator")
    image, unknown = images(1)[:1], tf.constant([[-1, -1, -1]])

    _, scores = with_label_scores(discriminator)([image, unknown])

    places = [(number, value) for number, size in enumerate(VALUES) for value in range(size)]
    alone = np.full((len(places), 3), -1, np.int32)
    for row, (attribute, value) in zip(alone, places, strict=True):
        row[attribute] = value
    of_each = discriminator([tf.repeat(image, len(places), axis=0), tf.constant(alone)])
    added = (of_each - discriminator([image, unknown])).numpy()[:, 0]
    assert len(set(added)) > 1
    np.testing.assert_allclose(scores[0], added, atol=1e-4)


def test_scores_of_many_values_are_the_same(monkeypatch):
    _, discriminator = build_networks(of_architecture("style"), "float32")
    initialise(discriminator, 0, "discriminator")
    inputs = [images(1), tf.constant(GIVEN)]
    _, expected = with_label_scores(discriminator)(inputs)
    monkeypatch.setattr(label_classification, "_FEW_VALUES", 1)
    _, scores = with_label_scores(discriminator)(inputs)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


LOAD = """
import sys, numpy as np, keras
for file in sys.argv[1:]:
    values = np.load(file + ".npz")
    network = keras.models.load_model(file + ".keras")
    np.save(file, network([values["images"], values["labels"]]))
assert "trainer" not in sys.modules
"""


def test_the_exported_discriminator_gives_the_logits_of_training(tmp_path):
    """And a file of it needs nothing but Keras. Of one attribute, and of several."""
    expected = {}
    for attributes in ("class", "class,colour,pattern"):
        gan = FashionGAN(recipe("--preset=fashion", PROJECTION, f"--attributes={attributes}"), 9)
        count = len(attributes.split(","))
        labels = tf.constant(GIVEN)[:, :count]
        logits, _ = gan.logits(images(1), labels, BatchRng(0, 0, 0, 4), "real")

        network = with_keras_layers(with_training_logits(gan.discriminator, VALUES[:count]))
        given = [images(1), labels[:, 0] if count == 1 else labels]
        np.testing.assert_allclose(network(given), logits, atol=1e-4)
        file = tmp_path / attributes
        network.save(f"{file}.keras")
        np.savez(f"{file}.npz", images=given[0], labels=given[1])
        expected[file] = logits
    subprocess.run([sys.executable, "-c", LOAD, *expected], cwd=tmp_path, check=True)
    for file, logits in expected.items():
        np.testing.assert_allclose(np.load(f"{file}.npy"), logits, atol=1e-4)


def test_an_auxiliary_classifier_is_not_exported(tmp_path):
    gan = FashionGAN(recipe("--preset=fashion", AUXILIARY), 9)
    trained = Trained(gan.recipe, gan.generator, gan.discriminator, 0, "")
    labels = tf.constant(GIVEN)
    expected, _ = gan.logits(images(1), labels, BatchRng(0, 0, 0, 4), "real")
    export_formats.write(trained, "discriminator", "keras", tmp_path / "d.keras")

    network = keras.models.load_model(tmp_path / "d.keras")
    np.testing.assert_allclose(network([images(1), labels]), expected, atol=1e-4)
    assert "label_classifier" not in {layer.name for layer in network.layers}


@pytest.mark.parametrize("architecture", PROJECTING)
def test_an_auxiliary_classifier_tells_labels_and_leaves_logits_as_they_are(architecture):
    completing = ("--masks=box",) if ARCHITECTURES[architecture].completes else ()
    given = ("--preset=fashion", f"--architecture={architecture}", *completing)
    plain = FashionGAN(recipe(*given, "--classification=0"), 9)
    gan = FashionGAN(recipe(*given, "--classification=1", AUXILIARY), 9)
    rng, labels = BatchRng(0, 0, 0, 4), tf.constant(GIVEN)

    logits, log_probabilities = gan.logits(images(1), labels, rng, "real")

    np.testing.assert_array_equal(logits, plain.logits(images(1), labels, rng, "real")[0])
    _, scores = gan.active.discriminator([images(1), labels])
    parts = np.split(scores.numpy(), np.cumsum(VALUES)[:-1], axis=1)
    for row, each in enumerate(GIVEN):
        told = log_probability(parts, row, each)
        assert float(log_probabilities[row, 0]) == pytest.approx(told, abs=1e-4)
    assert len(np.unique(scores)) > 4  # it begins with other weights than zeros


def test_a_given_label_adds_its_log_probability_to_the_logit_of_a_projection():
    gan = FashionGAN(recipe("--preset=fashion", "--classification=1", PROJECTION), 9)
    labels, unknown = tf.constant(GIVEN), tf.fill([4, 3], -1)
    rng = BatchRng(0, 0, 0, 4)
    logits, log_probabilities = gan.logits(images(1), labels, rng, "real")
    without, of_nothing = gan.logits(images(1), unknown, rng, "real")

    _, scores = gan.active.discriminator([images(1), labels])
    parts = np.split(scores.numpy(), np.cumsum(VALUES)[:-1], axis=1)
    for row, given in enumerate(GIVEN):
        added = log_probability(parts, row, given)
        assert float(log_probabilities[row, 0]) == pytest.approx(added, abs=1e-4)
        assert float(logits[row, 0]) == pytest.approx(float(without[row, 0]) + added, abs=1e-4)
        assert added <= 0
    assert not np.any(of_nothing)


ONE_PASS, TWO_PASSES = "relativistic", "hinge"
OF_SLOPES, OF_LENGTHS = ("--r1=0.3", "--r2=0.3"), ("--gradient_penalty=1",)


@pytest.mark.parametrize(
    ("classifier", "loss", "penalty"),
    [
        *((kind, loss, ()) for kind in (PROJECTION, AUXILIARY) for loss in (ONE_PASS, TWO_PASSES)),
        (PROJECTION, TWO_PASSES, OF_SLOPES),
        (AUXILIARY, ONE_PASS, OF_SLOPES),
        (PROJECTION, ONE_PASS, OF_LENGTHS),
        (AUXILIARY, TWO_PASSES, OF_LENGTHS),
    ],
)
def test_the_discriminator_alone_learns_labels_and_of_real_images_alone(classifier, loss, penalty):
    given = ("--preset=fashion", classifier)
    gans = {
        weight: FashionGAN(recipe(*given, *flags_of(loss, penalty, weight)), 9)
        for weight in (NOTHING, 0.5)
    }
    made = {weight: _gradients(each) for weight, each in gans.items()}
    gan = gans[0.5]
    with tf.GradientTape() as tape:
        _, scores = gan.active.discriminator([images(1), tf.constant(GIVEN)])
        parts = np.split(np.arange(sum(VALUES)), np.cumsum(VALUES)[:-1])
        entropies = [
            -tf.nn.log_softmax(tf.gather(scores[row], part))[label]
            for row, labels in enumerate(GIVEN)
            for label, part in zip(labels, parts, strict=True)
            if label >= 0
        ]
        total = tf.add_n(entropies) * 0.5 / 4
    expected = tape.gradient(total, gan.discriminator.trainable_weights)

    for with_labels, without, alone in zip(
        made[0.5].discriminator, made[NOTHING].discriminator, expected, strict=True
    ):
        difference = with_labels - without
        np.testing.assert_allclose(difference, 0.0 if alone is None else alone, atol=2e-4)
    np.testing.assert_allclose(made[0.5].fakes, made[NOTHING].fakes, atol=1e-6)
    assert float(tf.linalg.global_norm([each for each in expected if each is not None])) > 0.1
    np.testing.assert_allclose(made[0.5].generator_loss, made[NOTHING].generator_loss, rtol=1e-5)
    for name, value in made[0.5].metrics.items():
        without = total if name == "loss/labels" else made[NOTHING].metrics[name]
        np.testing.assert_allclose(value, without, rtol=1e-5)
    assert "loss/labels" in made[0.5].metrics


def flags_of(loss: str, penalty: tuple[str, ...], weight: float) -> tuple[str, ...]:
    plain = ("--r1=0", "--r2=0", "--penalty_interval=1", "--penalty_schedule=constant")
    return (
        *plain,
        "--penalty_final_factor=1",
        f"--loss={loss}",
        *penalty,
        f"--classification={weight}",
    )


def _gradients(gan: FashionGAN) -> step_gradients.StepGradients:
    examples = UpdateInputs(images(1), images(2), tf.constant(GIVEN), "", tf.constant(0, tf.int64))
    return step_gradients.compute(gan, examples, BatchRng(0, 0, 0, 4))


@pytest.mark.parametrize("classifier", [PROJECTION, AUXILIARY])
def test_networks_that_borrow_weights_score_labels_too(classifier):
    """Those with normalised weights, and those of a run that still grows."""
    classifies = ("--classification=1", classifier)
    normalised = FashionGAN(recipe("--preset=fashion", "--spectral_norm", *classifies), 9)
    growing = FashionGAN(
        recipe("--preset=stylegan", "--grow_from=7", "--grow_images=99", *classifies), 9
    )
    growing.activate(1, tf.constant(0.5))
    smaller = tf.image.resize(images(1), [14, 14])
    for gan, shown in ((normalised, images(1)), (growing, smaller)):
        for found in gan.logits(shown, tf.constant(GIVEN), BatchRng(0, 0, 0, 4), "real"):
            assert found.shape == (4, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--classification=-1",), "at least 0"),
        (("--classification=nan",), "at least 0"),
        (("--classification=1", "--noconditional"), "--conditional"),
        (("--classification=0", "--classifier=auxiliary"), "--classification"),
        (("--classification=1", "--preset=dcgan", "--conditional"), "--architecture=.*fashion"),
    ],
)
def test_what_cannot_classify_is_refused(given, said):
    with pytest.raises(RefusedError, match=said):
        recipe(*given)


def test_a_preset_that_classifies_does_without_labels_too():
    assert recipe("--preset=own").objective.classification > 0
    without = recipe("--preset=own", "--noconditional")
    assert without.objective.classification == 0
    assert without == recipe("--preset=own", "--noconditional", "--classification=0")
    assert recipe("--preset=own", "--architecture=dcgan").objective.classification == 0


def test_the_table_of_what_projects_is_right():
    for name in ARCHITECTURES:
        _, discriminator = build_networks(of_architecture(name), "float32")
        projects = any(layer.name == "projection" for layer in discriminator.layers)
        assert projects == (name in PROJECTING), name
