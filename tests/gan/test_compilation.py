"""A step that XLA compiles is the same step."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.command import run_forked, start_forked
from tests.conftest import assert_same_bits, train_flags
from tests.gan.test_state import IMAGES, LABELS, make
from trainer.data import feeding
from trainer.gan import compilation
from trainer.gan.multi_step_graph import make_train_steps
from trainer.gan.training_step import METRICS
from trainer.runs import checkpoints

STEPS = 10
# Every part of a step that draws, sums, penalises or keeps a state of its own, in small networks.
EVERYTHING = ("--conditional", "--ema_half_life=100", "--seed=7")
RECIPES = {
    "simultaneous": (*("mlp", *EVERYTHING, "--r1=1", "--penalty_interval=3"),),
    "alternating": (
        *("mlp", *EVERYTHING, "--update=alternating", "--critic_steps=2", "--spectral_norm"),
        *("--label_noise=0.1", "--augment=adaptive"),
    ),
    "wgan": (
        *("mlp", "--loss=wgan", "--weight_clip=0.01", "--optimizer=rmsprop"),
        *("--generator_beta_1=0", "--discriminator_beta_1=0"),
    ),
    "batch_normalisation": ("dcgan",),
}


ONE_DEVICE = tf.distribute.OneDeviceStrategy("/cpu:0")


def metrics(
    recipe: str, jit_compile: bool, strategy: tf.distribute.Strategy = ONE_DEVICE
) -> np.ndarray:
    """Of each step: `[steps, metrics]`."""
    preset, *flags = RECIPES[recipe]
    with strategy.scope():
        gan = make(*flags, preset=preset)
    if gan.augmentation:
        gan.augmentation.probability.assign(0.5)
    feed = feeding.Resident(IMAGES, LABELS, ["/cpu:0"])
    train_steps = make_train_steps(gan, strategy, feed, jit_compile)
    batch = 8 * gan.recipe.objective.critic_steps
    rows = np.random.default_rng(0).integers(0, 50, (STEPS, 1, batch), np.int32)
    return np.array([train_steps(*feed.send(row))[0] for row in rows])


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param("simultaneous", marks=pytest.mark.slow),
        pytest.param("alternating", marks=pytest.mark.slow),
        "wgan",
        "batch_normalisation",
    ],
)
def test_compiled_and_plain_steps_have_the_same_losses(recipe):
    plain, compiled = metrics(recipe, False), metrics(recipe, True)
    np.testing.assert_allclose(compiled[0], plain[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(compiled[:, :5], plain[:, :5], rtol=1e-4, atol=1e-5)
    probabilities = compiled[:, len(METRICS) + 1 :]
    np.testing.assert_array_equal(probabilities, plain[:, len(METRICS) + 1 :])


@pytest.mark.parametrize("recipe", ["wgan", pytest.param("alternating", marks=pytest.mark.slow)])
def test_a_mirrored_strategy_of_one_device_compiles_the_whole_step_too(recipe):
    mirrored = tf.distribute.MirroredStrategy(["/cpu:0"])
    compiled = metrics(recipe, True, mirrored)
    np.testing.assert_array_equal(compiled, metrics(recipe, True))


def test_what_is_compiled_between_replicas_is_said():
    described = {
        preset: compilation.described(2, gan.generator, gan.discriminator)
        for preset, gan in {name: make(preset=name) for name in ("mlp", "dcgan")}.items()
    }
    assert "gradients and updates" in described["mlp"]
    assert "generator's batch normalisation" in described["dcgan"]
    assert compilation.described(1, None, None) == "the whole step"


GIVEN = ["--dataset=synthetic", "--steps=60", "--checkpoint_interval=10", "--steps_per_loop=1"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled run, beside a folder of what XLA was told."""
    folder = tmp_path_factory.mktemp("compiled")
    told = f"import os; os.environ['XLA_FLAGS'] = '--xla_dump_to={folder / 'told'}'"
    run_forked(*train_flags(folder / "run", *GIVEN, "--jit_compile=true"), before=told)
    return folder / "run"


@pytest.mark.slow
def test_a_compiled_run_that_is_killed_ends_with_the_same_bits(compiled, tmp_path):
    killed = tmp_path / "killed"
    process = start_forked(*train_flags(killed, *GIVEN, "--jit_compile=true"))
    while not (killed / "checkpoints/ckpt-10.index").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL

    resumed = run_forked(*train_flags(killed, *GIVEN, "--jit_compile=false"))

    assert "--jit_compile=false is ignored: the run was started with true" in resumed.stderr
    assert "XLA compiles the whole step" in resumed.stderr
    assert "resuming" in resumed.stderr
    left, right = (
        checkpoints.read(checkpoints.prefix(job_dir / "checkpoints", 60))
        for job_dir in (compiled, killed)
    )
    assert_same_bits(left, right)


@pytest.mark.slow
def test_xla_may_choose_no_kernel_by_time(compiled):
    """It would choose anew at each start of a run; see docs/speed.md."""
    (options,) = (compiled.parent / "told").glob("*.debug_options")
    assert "xla_gpu_deterministic_ops: true" in options.read_text()
