"""Progressive growing: stages follow the images seen, and their networks borrow weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import assert_same_bits
from trainer import run_layout
from trainer.configuration import config_json, flags, recipe_checks, resume, step_counts
from trainer.configuration.growth import Growth
from trainer.data import feeding
from trainer.gan import stages
from trainer.gan.state import FashionGAN
from trainer.randomness import BatchRng
from trainer.runs import state_variables, stored_runs, trained_networks
from trainer.runs.checkpoints import Checkpoints
from trainer.system.exits import RefusedError
from trainer.training import callbacks
from trainer.training.plan import Plan

GROWING = ("--preset=stylegan", "--width=4", "--max_width=8", "--noise_dim=6")
PLAIN = ("--penalty_interval=1",)  # no second derivatives, which take long to trace
FROM_7 = ("--grow_from=7", "--grow_images=16", "--fade_images=32", "--steps=100")
LATENTS = tf.constant(np.random.default_rng(0).normal(size=(2, 6)), tf.float32)
LABELS = tf.constant([[3], [8]])


def recipe_of(*more: str):
    base = ["--job_dir=x", "--dataset=synthetic", "--batch_size=8", "--precision=float32"]
    return flags.train(["train", *base, *GROWING, *more]).recipe


def test_sides_double_after_as_many_images_as_are_asked_for():
    growth = Growth(grow_from=7, grow_images=16, fade_images=32)
    recipe = recipe_of(*FROM_7)
    assert recipe.growth == growth and step_counts.doublings(recipe) == 2
    assert [growth.first_image(stage) for stage in range(3)] == [0, 16, 64]
    stages_at = [step_counts.stage_of_step(recipe, step) for step in (0, 1, 2, 7, 8, 99)]
    assert stages_at == [0, 0, 1, 1, 2, 2]
    assert step_counts.full_grown_step(recipe) == 12
    assert step_counts.doublings(recipe_of()) == step_counts.full_grown_step(recipe_of()) == 0


def test_the_finest_side_is_faded_in_by_the_images_seen():
    recipe = recipe_of(*FROM_7)
    shares = [float(stages.faded_in(recipe, 1, tf.constant(step))) for step in (2, 4, 6, 7)]
    assert shares == [0, 0.5, 1, 1]
    assert float(stages.faded_in(recipe, 0, tf.constant(1))) == 1


@pytest.fixture(scope="module")
def gan() -> FashionGAN:
    return FashionGAN(recipe_of(*FROM_7), 100)


REAL = tf.random.stateless_uniform([2, 28, 28, 1], [1, 2])


def images_of(gan: FashionGAN, stage: int, step: int) -> np.ndarray:
    """What the generator draws in a stage."""
    view = stages.at_stage(gan, stage, tf.constant(step, tf.int64))
    return view.sample(LATENTS, LABELS).numpy()


def logits_of(gan: FashionGAN, stage: int, step: int, shown: np.ndarray) -> np.ndarray:
    """What the discriminator says in a stage of images of its side."""
    view = stages.at_stage(gan, stage, tf.constant(step, tf.int64))
    return view.logits(tf.constant(shown), LABELS, BatchRng(0, 0, 0, 2), "x")[0].numpy()


def halved(images: np.ndarray) -> np.ndarray:
    return tf.nn.avg_pool2d(images, 2, 2, "VALID").numpy()


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("--precision=bfloat16",),
        ("--architecture=stylegan_joint",),
    ],
)
def test_a_stage_begins_as_the_last_one_ends_and_the_last_is_the_whole(given):
    gan = FashionGAN(recipe_of(*FROM_7, *given), 100)
    for stage, first_step in ((1, 2), (2, 8)):
        images = images_of(gan, stage, first_step)
        before = images_of(gan, stage - 1, first_step)
        side = 2 * before.shape[1]
        np.testing.assert_allclose(images, tf.image.resize(before, [side, side]), atol=1e-5)
        logits = logits_of(gan, stage, first_step, images)
        logits_before = logits_of(gan, stage - 1, first_step, halved(images))
        np.testing.assert_allclose(logits, logits_before, atol=1e-5)
        assert np.abs(images_of(gan, stage, first_step + 4) - images).max() > 1e-3
        later = logits_of(gan, stage, first_step + 4, images)
        assert np.abs(later - logits).max() > 1e-5
    images = images_of(gan, 2, 12)
    np.testing.assert_array_equal(images, gan.sample(LATENTS, LABELS))
    assert images.shape == (2, 28, 28, 1)


def test_real_images_are_faded_in_as_fakes_are(gan):
    for step, share in ((8, 0.0), (10, 0.5), (12, 1.0)):
        shown = stages.shrunk(gan.recipe, REAL, 2, tf.constant(step, tf.int64))
        coarse = tf.image.resize(halved(REAL), [28, 28])
        np.testing.assert_allclose(shown, coarse + share * (REAL - coarse), atol=1e-6)


def test_samples_have_the_sides_of_the_images_in_every_stage(gan):
    sample = stages.sampler(gan)
    for step, cell in ((0, 4), (5, 2), (9, 1)):
        gan.step.assign(step)
        images = sample(LATENTS, LABELS).numpy()
        assert images.shape == (2, 28, 28, 1)
        np.testing.assert_array_equal(images[:, ::cell], images[:, cell - 1 :: cell])


class Growing:
    """A run of 14 and 28 pixels: three steps, a fade of three more, and the rest."""

    GIVEN = ("--grow_from=14", "--grow_images=24", "--fade_images=24", "--steps=9")

    def __init__(self) -> None:
        base = ["train", "--job_dir=x", "--dataset=synthetic", "--batch_size=8", *GROWING]
        more = ["--precision=float32", "--style_mixing=0.9", "--r1=0", *PLAIN, *self.GIVEN]
        self.asked = flags.train([*base, *more])
        self.due = Plan(self.asked.recipe, self.asked.schedule)
        self.gan = FashionGAN(self.asked.recipe, 100)
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (40, 28, 28, 1), np.uint8)
        labels = random.integers(0, 10, (40, 1))
        strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
        feed = feeding.feed(images, labels, ["/cpu:0"])
        self._train = callbacks.training(self.gan, strategy, feed, False, self.due.last_step)
        self.variables = dict(state_variables.named_variables(self.gan.state()))
        self._start = self.values()

    def values(self) -> dict[str, np.ndarray]:
        return {path: each.numpy() for path, each in self.variables.items()}

    def begin(self, values: dict[str, np.ndarray] | None = None) -> None:
        """Is what it was at first, or then."""
        for path, value in (values or self._start).items():
            self.variables[path].assign(value)

    def train(self, end: int, most: int = 9) -> dict[str, np.ndarray]:
        """Trains to a step, in loops of so many steps at most."""
        while (step := int(self.gan.step.numpy())) < end:
            self._train(step, min(most, end - step, self.due.next_pause(step) - step))
        return self.values()


@pytest.fixture(scope="module")
def growing() -> Growing:
    return Growing()


def test_a_loop_ends_where_a_stage_begins(growing):
    assert [growing.due.next_pause(step) for step in (0, 3, 6)] == [3, 6, 9]
    growing.begin()
    in_long_loops = growing.train(9)
    growing.begin()
    assert_same_bits(growing.train(9, most=1), in_long_loops)
    growing.begin()
    assert_same_bits(growing.train(9, most=2), in_long_loops)


def test_the_grown_are_trained_by_the_graph_of_networks_that_do_not_grow(growing):
    found = []
    for step in (2, 5, 6, 9):
        growing.begin()
        growing.train(step)
        found.append(stages.current(growing.gan))
    assert found == [0, 1, None, None]


def test_a_run_goes_on_from_the_middle_of_a_fade_to_the_same_bits(growing):
    growing.begin()
    growing.train(4)
    kept = growing.train(5)
    expected = growing.train(9)
    growing.begin(kept)  # what is not in the state would be different now
    assert_same_bits(growing.train(9), expected)


def test_layers_that_come_into_use_learn_as_if_training_began_with_them(growing):
    """Adam's averages are corrected by the updates since then, of which the first has no share."""
    growing.begin()
    growing.train(3)
    before = growing.train(4)
    squares = "generator_optimizer/{}/mean_square"
    assert not before[squares.format("up2/kernel")].any()
    assert before[squares.format("up1/kernel")].any()
    after, settings = growing.train(5), growing.asked.recipe.generator
    steps = abs(after["generator/up2/kernel"] - before["generator/up2/kernel"])
    second = (1 - settings.beta_2**2) / (1 - settings.beta_2)
    assert steps.max() == pytest.approx(settings.learning_rate * second**0.5, rel=0.01)


def test_a_checkpoint_of_a_run_that_grows_is_drawn_at_its_side(growing, tmp_path):
    growing.begin()
    growing.train(2)
    run = resume.configured(growing.asked, None)
    execution = dataclasses.replace(run.execution, jit_compile=False, forms="library")
    run = dataclasses.replace(run, execution=execution, environment={})
    (tmp_path / run_layout.CONFIG).write_text(config_json.to_json(run))
    Checkpoints(tmp_path / "checkpoints", growing.gan.state(), 1).save(2)
    drawn = (
        trained_networks.load(stored_runs.read(tmp_path), tmp_path, "latest")
        .generate(LATENTS, LABELS)
        .numpy()
    )
    np.testing.assert_allclose(drawn, stages.sampler(growing.gan)(LATENTS, LABELS), atol=1e-5)
    np.testing.assert_array_equal(drawn[:, ::2], drawn[:, 1::2])


def test_a_run_of_minutes_is_refused_only_once_its_steps_are_known():
    growing = (*FROM_7[:1], "--grow_images=1000000", "--minutes=1")
    with pytest.raises(RefusedError, match="are full-grown only at"):
        recipe_checks.check_growth_ends(recipe_of(*growing), 500)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--grow_from=8", *FROM_7[1:]], "use 14 or 7"),
        (["--grow_from=5", "--grow_images=900000"], "use 14 or 7"),  # not: train for longer
        (["--grow_from=7", "--steps=9"], "needs --grow_images"),
        (["--grow_images=9"], "needs --grow_from"),
        ([*FROM_7[:3], "--steps=12"], "are full-grown only at 12"),
        ([*FROM_7, "--architecture=style"], "networks that can grow"),
    ],
)
def test_what_cannot_grow_is_refused(given, said):
    with pytest.raises(RefusedError, match=said):
        recipe_of(*given)
