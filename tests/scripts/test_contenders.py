"""The contenders train our networks, from where a discriminator knows nothing."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
import tensorflow as tf

from scripts.benchmark.contenders import keras_networks, tutorial
from scripts.benchmark.processes import Team
from trainer.configuration import flags
from trainer.gan.networks import build_networks

IMAGES = np.random.default_rng(0).integers(0, 256, [64, 28, 28, 1], dtype=np.uint8)
UNDECIDED = 3 * math.log(2)  # both losses where every probability is a half

PYTORCH_SHAPES = """
from scripts.benchmark.contenders import pytorch
networks = pytorch._Generator(), pytorch._Discriminator()
shapes = [[list(each.shape) for each in network.parameters()] for network in networks]
"""
JAX_SHAPES = """
import jax, optax
from scripts.benchmark.contenders import flax_jit
networks = flax_jit._Generator("float32"), flax_jit._Discriminator("float32")
weights = flax_jit._first_state(*networks, optax.adam(1e-4))["weights"]
shapes = [[each.shape for each in jax.tree.leaves(network)] for network in weights]
"""


def needs(library: str) -> pytest.MarkDecorator:
    """Of a test in processes of its own: some libraries do not get on in one."""
    missing = importlib.util.find_spec(library) is None
    return pytest.mark.skipif(missing, reason=f"{library} is not installed")


def sizes(shapes: Iterable[Sequence[int]]) -> list[int]:
    return sorted(math.prod(shape) for shape in shapes)


def ours() -> list[list[int]]:
    recipe = flags.train(["train", "--job_dir=unused", "--preset=dcgan"]).recipe
    networks = build_networks(recipe, "float32")
    return [sizes(each.shape for each in network.trainable_variables) for network in networks]


def test_keras_s_networks_have_our_weights():
    networks = keras_networks.networks("float32")

    found = [sizes(each.shape for each in network.trainable_variables) for network in networks]

    assert found == ours()


@pytest.mark.parametrize(
    "shapes",
    [
        pytest.param(PYTORCH_SHAPES, marks=needs("torch"), id="pytorch"),
        pytest.param(JAX_SHAPES, marks=needs("flax"), id="jax"),
    ],
)
def test_other_libraries_networks_have_our_weights(shapes):
    script = f"{shapes}\nimport json; print(json.dumps(shapes))"

    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout

    assert [sizes(network) for network in json.loads(told)] == ours()


@pytest.mark.slow
@pytest.mark.parametrize("eager", [False, True])
def test_the_tutorial_s_losses_begin_undecided_and_change(eager):
    tf.random.set_seed(1)  # another test may have asked for determinism
    train = tutorial.prepare(IMAGES, 4, "float32", eager)

    first, last = train(1), train(3)

    assert first == pytest.approx(UNDECIDED, rel=0.3)
    assert math.isfinite(last) and abs(last - first) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "options"),
    [
        pytest.param("keras_fit", {}, id="keras_fit"),
        pytest.param("pytorch", {}, marks=needs("torch"), id="pytorch"),
        pytest.param("pytorch", {"compiled": True}, marks=needs("torch"), id="pytorch_compiled"),
        pytest.param("flax_jit", {}, marks=needs("flax"), id="jax"),
    ],
)
def test_others_losses_begin_undecided_and_change(module, options, data_dir, tmp_path):
    asked = {"module": module, "batch_size": 4, "precision": "float32", "options": options}
    with contextlib.ExitStack() as within:
        team = Team(asked, 1, {"JAX_PLATFORMS": "cpu"}, tmp_path)
        within.callback(team.end)
        team.first_step()

        first, last = team.train(1)["loss"], team.train(3)["loss"]

    assert first == pytest.approx(UNDECIDED, rel=0.3)
    assert math.isfinite(last) and abs(last - first) > 1e-3
