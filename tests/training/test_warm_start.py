"""A run that starts from another's weights: what is taken, what it keeps, what is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.command import run_forked
from tests.conftest import assert_same_bits, train_flags
from tests.untrained_runs import untrained
from trainer import run_layout
from trainer.configuration import choices, config_json, flags, resume
from trainer.configuration.config_json import RunConfig
from trainer.gan.moving_average import decay_of
from trainer.gan.state import FashionGAN
from trainer.models.architectures import ARCHITECTURES
from trainer.models.design import Design
from trainer.runs import checkpoints, state_variables
from trainer.system import exits
from trainer.training import layer_matching, warm_start

SYNTHETIC = ("--dataset=synthetic", "--evaluation_interval=0")
CONDITIONAL = ("--conditional", "--ema_half_life=100")


def tensors_of(job_dir: Path, step: int) -> dict[str, np.ndarray]:
    return checkpoints.read(checkpoints.prefix(job_dir / "checkpoints", step))


def initialised(source: Path, *given: str) -> tuple[RunConfig, dict[str, np.ndarray]]:
    """What a new run that starts from the other one is, and its tensors before the first step."""
    asked = flags.train(train_flags(Path("x"), *given, f"--initialize_from={source}"))
    run = resume.configured(asked, None)
    gan = FashionGAN(run.recipe, run.horizon)
    run = warm_start.initialised(run, gan, source)
    variables = state_variables.named_variables(gan.state())
    return run, {name: variable.numpy() for name, variable in variables}


def digest_of(job_dir: Path) -> str:
    return json.loads((job_dir / run_layout.CONFIG).read_text())["recipe"]["initialize_from"]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A conditional run of seven steps with a moving average."""
    job_dir = tmp_path_factory.mktemp("source") / "run"
    run_forked(*train_flags(job_dir, *SYNTHETIC, *CONDITIONAL, "--steps=7"))
    return job_dir


@pytest.fixture(scope="module")
def started(source, tmp_path_factory) -> tuple[Path, str]:
    """A run of another seed, batch and optimizer that starts from it, and its log."""
    job_dir = tmp_path_factory.mktemp("started") / "run"
    given = ["--seed=5", "--batch_size=16", "--optimizer=rmsprop", "--generator_beta_1=0"]
    given += ["--discriminator_beta_1=0", "--steps=6", "--steps_per_loop=1"]
    flags = [*SYNTHETIC, *CONDITIONAL, *given, "--checkpoint_interval=2", "--keep_checkpoints=9"]
    done = run_forked(*train_flags(job_dir, *flags, f"--initialize_from={source}"))
    return job_dir, done.stderr


def test_the_same_networks_start_with_all_weights_and_nothing_else(source, started):
    job_dir, log = started
    before, now = tensors_of(source, 7), tensors_of(job_dir, 0)
    for name, value in now.items():
        part = name.partition("/")[0]
        if part in ("generator", "discriminator", "average"):
            assert value.tobytes() == before[name].tobytes(), name
        elif part.endswith("optimizer"):
            assert not value.any(), name
    assert not np.array_equal(now["average/pixels/kernel"], now["generator/pixels/kernel"])
    assert now["training/step"] == 0
    assert f"generator: 4 of 4 layers taken from {source} at step 7: label_embedding, dense1" in log
    assert "start anew" not in log


def test_a_resume_needs_the_other_run_no_more(source, started, tmp_path):
    whole, _ = started
    job_dir, gone = tmp_path / "run", tmp_path / "gone"
    shutil.copytree(whole, job_dir)
    for file in (job_dir / "checkpoints").glob("ckpt-[46].*"):
        file.unlink()

    resumed = run_forked(
        "train", f"--job_dir={job_dir}", f"--initialize_from={gone}", "--threads=2"
    )

    assert "at step 2" in resumed.stderr
    assert "--initialize_from is not read again" in resumed.stderr
    assert_same_bits(tensors_of(job_dir, 6), tensors_of(whole, 6))
    assert digest_of(job_dir) == digest_of(whole)


def test_other_networks_start_with_what_fits(source, tmp_path):
    copy, job_dir, again = tmp_path / "copy", tmp_path / "run", tmp_path / "again"
    shutil.copytree(source, copy)
    given = [*SYNTHETIC, "--steps=1", "--seed=5"]  # without labels, without an average
    done = run_forked(*train_flags(job_dir, *given, f"--initialize_from={source}"))
    run_forked(*train_flags(again, *given, f"--initialize_from={copy}", "--virtual_devices=2"))

    before, now = tensors_of(source, 7), tensors_of(job_dir, 0)
    taken = ["generator/dense2", "generator/pixels", "discriminator/dense2", "discriminator/logits"]
    for name in (f"{layer}/{weight}" for layer in taken for weight in ("kernel", "bias")):
        assert now[name].tobytes() == before[name].tobytes(), name
    for layer in ("generator/dense1", "discriminator/dense1"):  # whose inputs had labels
        assert now[f"{layer}/kernel"].any() and not now[f"{layer}/bias"].any()
    assert (
        f"generator: 2 of 3 layers taken from {source} at step 7: dense2, pixels\n" in done.stderr
    )
    assert "generator: 1 layer starts anew, as shapes, labels or names differ there: dense1" in (
        done.stderr
    )
    # The folder's name is no part of the recipe, nor is the number of replicas.
    assert digest_of(job_dir) == digest_of(again) != ""
    assert_same_bits(now, tensors_of(again, 0))


def averages_soon(job_dir: Path) -> bool:
    """Whether the run's moving average is short at first."""
    stored = config_json.read(job_dir)
    assert stored is not None
    return stored.recipe.ema_ramp_up


def test_a_run_with_another_mapping_network_says_by_which_flag_more_would_fit(tmp_path, caplog):
    small = [*SYNTHETIC, "--preset=fashion", "--width=4", "--max_width=8", "--precision=float32"]
    small += ["--steps=1", "--batch_size=4", "--penalty_interval=1"]
    old = untrained(tmp_path / "old", *small, "--mapping_layers=2")
    said = "more of the generator would fit with --mapping_layers=2, as in that run"
    new = train_flags(tmp_path / "new", *small, f"--initialize_from={old}")
    done = run_forked(*new)
    assert said in done.stderr
    # Weights that start anew must not stay in the average, which is short at first then.
    assert averages_soon(tmp_path / "new")
    run_forked(*new, "--preset=fashion", "--steps=2")
    assert averages_soon(tmp_path / "new")
    assert "discriminator: 7 of 7 layers taken" in done.stderr
    same, _ = initialised(old, *small, "--mapping_layers=2")
    assert said not in caplog.text and not same.recipe.ema_ramp_up
    # The networks before styles have no such flag.
    initialised(old, *small, "--architecture=fashion")
    assert "--mapping_layers" not in caplog.text
    other, _ = initialised(old, *small)
    assert said in caplog.text and other.recipe.ema_ramp_up


def test_a_run_of_the_former_networks_says_by_which_flags_more_would_fit(tmp_path, caplog):
    small = [*SYNTHETIC, "--preset=stylegan", "--width=4", "--precision=float32"]
    small += ["--steps=1", "--batch_size=4"]
    old = untrained(tmp_path / "old", *small, "--architecture=stylegan_joint")
    with caplog.at_level("INFO"):
        initialised(old, *small)
    assert "fit with --architecture=stylegan_joint --max_width=16, as in that run" in caplog.text
    assert "discriminator: 11 of 11 layers taken" in caplog.text


def test_normalised_kernels_start_with_their_own_norms(source):
    _, tensors = initialised(source, *SYNTHETIC, "--spectral_norm")
    for name in ("dense1/kernel", "dense2/kernel"):
        left = tensors[f"singular/{name}"]
        kernel = tensors[f"discriminator/{name}"]
        exact = np.linalg.svd(kernel, compute_uv=False)[0]
        assert np.linalg.norm(kernel @ left) == pytest.approx(exact, rel=0.05)


def test_kernels_that_were_normalised_start_as_they_were_computed_with(tmp_path):
    run_forked(*train_flags(tmp_path, *SYNTHETIC, "--steps=1", "--spectral_norm"))
    _, tensors = initialised(tmp_path, *SYNTHETIC)
    for name in ("dense1/kernel", "dense2/kernel"):
        kernel = tensors[f"discriminator/{name}"]
        assert np.linalg.svd(kernel, compute_uv=False)[0] == pytest.approx(1, rel=0.02)


def test_what_cannot_be_a_start_is_refused(source, started, tmp_path):
    unfit = ["--preset=dcgan", *SYNTHETIC, "--steps=1"]
    refused = run_forked(
        *train_flags(tmp_path / "a", *unfit, f"--initialize_from={source}"), code=exits.REFUSED
    )
    assert "has no layer that fits these networks" in refused.stderr
    assert not (tmp_path / "a" / run_layout.CONFIG).exists()

    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(source / run_layout.CONFIG, empty)
    refused = run_forked(
        *train_flags(tmp_path / "b", *SYNTHETIC, f"--initialize_from={empty}"), code=exits.REFUSED
    )
    assert f"{empty / 'checkpoints'} holds no checkpoint" in refused.stderr

    growing = tmp_path / "growing"
    shutil.copytree(source, growing)
    stored = json.loads((source / run_layout.CONFIG).read_text())
    stored["recipe"]["growth"] = {"grow_from": 7, "grow_images": 100, "fade_images": 100}
    (growing / run_layout.CONFIG).write_text(json.dumps(stored))
    refused = run_forked(
        *train_flags(tmp_path / "c", *SYNTHETIC, f"--initialize_from={growing}"), code=exits.REFUSED
    )
    assert "is still growing at step 7: train it to step" in refused.stderr

    # A run that has started with weights of its own does not start again.
    refused = run_forked(
        *train_flags(source, *SYNTHETIC, f"--initialize_from={started[0]}"), code=exits.REFUSED
    )
    assert "initialize_from" in refused.stderr.split("holds a run with another recipe")[1]


def shapes(architecture: str, network: str, side: int, classes: int = 0) -> layer_matching.Shapes:
    """The weights of a network of colour pictures of that side."""
    widths = choices.ARCHITECTURES[architecture].widths(None, None)
    completes = choices.ARCHITECTURES[architecture].completes
    recognises = bool(classes) and completes
    labels = (classes,) if classes else ()
    design = Design(16, (side, side, 3), labels, *widths, 0.0, 2, recognises=recognises)
    built: keras.Model = getattr(ARCHITECTURES[architecture], network)(design)
    return {weight.path: tuple(weight.shape) for weight in built.variables}


def layers_taken(architecture: str, network: str, before: int, now: int) -> dict[str, str]:
    """Layers of the network of side `now`, and those of side `before` that they take."""
    wanted, there = shapes(architecture, network, now), shapes(architecture, network, before)
    found = layer_matching.matches(wanted, there, network == "discriminator")
    assert all(there[old] == wanted[new] for new, old in found.items())
    return {new.rpartition("/")[0]: old.rpartition("/")[0] for new, old in found.items()}


@pytest.mark.parametrize("network", ["generator", "discriminator"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_network_takes_all_of_one_like_it(architecture, network):
    same = shapes(architecture, network, 28)
    assert layer_matching.matches(same, same, True) == {path: path for path in same}


PROJECTING = [name for name, spec in choices.ARCHITECTURES.items() if spec.projects]


@pytest.mark.parametrize("network", ["generator", "discriminator"])
@pytest.mark.parametrize("architecture", PROJECTING)
def test_what_grows_with_the_labels_is_of_them_and_starts_anew_with_others(architecture, network):
    ten, eleven = (shapes(architecture, network, 28, classes) for classes in (10, 11))
    grown = {path for path, shape in ten.items() if eleven[path] != shape}
    assert grown and grown == {path for path in ten if warm_start.is_of_labels(f"{network}/{path}")}


IN_PLANES = [name for name in ARCHITECTURES if name not in PROJECTING]


@pytest.mark.parametrize("architecture", IN_PLANES)
def test_a_layer_that_sees_labels_beside_the_image_starts_anew_with_others(architecture):
    widths = choices.ARCHITECTURES[architecture].widths(None, None)
    for labels in ((10,), ()):
        design = Design(16, (28, 28, 1), labels, *widths, 0.0, 2)
        network = ARCHITECTURES[architecture].discriminator(design)
        name = warm_start.sees_labels(network)
        if not labels:
            assert name is None
            return
        of_more = ARCHITECTURES[architecture].discriminator(
            dataclasses.replace(design, label_sizes=(11,))
        )
        grown = {
            one.path.split("/")[0]
            for one, more in zip(network.variables, of_more.variables, strict=True)
            if one.shape != more.shape
        }
        assert grown == {name}


def test_layers_of_one_width_are_taken_at_the_same_side_in_pixels():
    # `r3gan` is 192 wide at sides of 4 and 8, and half as wide at each side beyond.
    generator = layers_taken("r3gan", "generator", 32, 64)
    assert generator["dense"] == "dense" and generator["block0_conv"] == "block0_conv"
    assert generator["up1_conv"] == "up1_conv"  # from 4 to 8 pixels in both
    assert generator["up4_conv"] == "up3_conv"  # to the image's own side in both
    discriminator = layers_taken("r3gan", "discriminator", 32, 64)
    assert discriminator["block4_conv"] == "block3_conv"  # of 4 pixels
    assert discriminator["from_images"] == "from_images"
    assert discriminator["features"] == "features"


def test_layers_that_widen_towards_the_coarse_end_are_taken_from_the_image_s_end():
    assert layers_taken("fashion", "generator", 32, 64) == {
        "up2": "up1",
        "up3": "up2",
        "up4": "up3",
        "images": "images",
    }
    assert layers_taken("fashion", "discriminator", 32, 64) == {
        **{name: name for name in ("down1", "down2", "down3")},
        "logits": "logits",
    }
    assert layers_taken("fashion", "generator", 64, 32)["up1"] == "up2"


def test_layers_of_a_number_are_taken_together():
    wanted = {"up1/kernel": (3, 4), "up1_norm/gamma": (4,), "up2/kernel": (4, 5)}
    there = {"up1/kernel": (3, 4), "up1_norm/gamma": (9,), "up2/kernel": (4, 5)}
    assert layer_matching.matches(wanted, there, False) == {"up2/kernel": "up2/kernel"}


def test_the_average_of_another_run_is_kept_from_the_first_update():
    late, half = 10**6, 0.5 ** (32 / 40_000)
    for step in (0, 1, 99):
        kept = decay_of(40_000.0, 32, tf.constant(step, tf.int64), ramp_up=False)
        assert float(kept) == pytest.approx(half)
    assert float(decay_of(40_000.0, 32, tf.constant(late, tf.int64))) == pytest.approx(half)

    started = flags.train(["train", "--job_dir=x", "--dataset=synthetic", "--initialize_from=y"])
    assert not started.recipe.ema_ramp_up and started.recipe.ema_half_life == 40_000
    asked = ["--initialize_from=y", "--ema_half_life=90000"]
    longer = flags.train(["train", "--job_dir=x", "--dataset=synthetic", *asked])
    assert longer.recipe.ema_half_life == 90_000
    assert flags.train(["train", "--job_dir=x", "--dataset=synthetic"]).recipe.ema_ramp_up
