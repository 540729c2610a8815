"""N replicas equal one: losses follow each other, and a run moves between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.command import run_forked
from tests.conftest import train_flags
from trainer.configuration import config_json
from trainer.gan.training_step import ADAPTIVE_METRICS, metric_names
from trainer.runs import records

STEPS = 12
# Steps so small that losses stay together: at the recipes' own rates, without normalisation,
# rounding grows tenfold a step. A norm still jumps where one activation rounds to the other side
# of its kink, therefore its tolerance.
# Augmentation adapts within these steps, and is counted in whole images by all replicas.
QUICKLY = "from trainer.gan import augmentation; augmentation.ADJUSTMENT_IMAGES = 1000"
SLOWLY = "--generator_learning_rate=1e-5 --discriminator_learning_rate=1e-5"
RECIPES = {  # numbers of replicas to compare with one, relative tolerance of losses and of norms
    # batch normalisation and dropout
    f"--preset=dcgan --width=8 {SLOWLY}": ([4], 1e-3, 1e-3),
    # labels, penalties, schedules, mixed styles, path lengths
    f"--preset=fashion --width=8 {SLOWLY} --precision=float32 --style_mixing=0.9 --path_length=2 "
    "--classification=0.5 --classifier=projection": (
        [2],
        1e-3,
        1e-2,
    ),
    f"--preset=fashion --width=8 {SLOWLY} --precision=bfloat16": ([2], 0.01, 0.05),
    # every other part that draws, or counts what all replicas saw
    f"--preset=mlp {SLOWLY} --update=alternating --critic_steps=2 --conditional "
    "--augment=adaptive --label_noise=0.1": ([2], 1e-3, 1e-2),
    # masks, a second completion of each picture, labels that are told
    f"--preset=inpaint --width=8 {SLOWLY} --precision=float32": ([2], 1e-3, 1e-2),
    # noise, and sides that fade in from the third step to the sixth
    f"--preset=stylegan --width=4 {SLOWLY} --precision=float32 --grow_from=14 --grow_images=96 "
    "--fade_images=96": ([2], 1e-3, 1e-2),
    # in parts, between the replicas' sums
    f"--preset=mlp {SLOWLY} --update=alternating --jit_compile=true": ([2], 1e-3, 1e-2),
}
SLOW = [
    recipe
    for recipe in RECIPES
    if any(part in recipe for part in ("alternating", "bfloat16", "inpaint", "stylegan"))
]


def metrics(job_dir: Path, recipe: str, replicas: int) -> dict[str, np.ndarray]:
    """Each metric in each step: `[STEPS]`."""
    # A process each: TensorFlow's collectives keep the first group of devices that they meet.
    # With small batches one activation that rounds to the other side of zero shows in the norms.
    flags = [
        "--dataset=synthetic",
        "--batch_size=32",
        *recipe.split(),
        f"--steps={STEPS}",
        "--steps_per_loop=1",
    ]
    arguments = train_flags(job_dir, *flags, f"--virtual_devices={replicas}")
    run_forked(*arguments, before=QUICKLY)
    stored = config_json.read(job_dir)
    assert stored is not None
    assert stored.environment is not None and stored.environment["replicas"] == replicas
    found = metrics_in(job_dir, metric_names(stored.recipe))
    assert ("adaptive" in recipe) == (found.get("augmentation/probability", [0])[-1] > 0.3)
    return found


def metrics_in(job_dir: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Each metric in each of `STEPS` steps."""
    lines = records.read_lines(job_dir / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    return {name: np.array([line[name] for line in lines]) for name in names}


def assert_near(
    many: dict[str, np.ndarray], one: dict[str, np.ndarray], of_losses: float, of_norms: float
) -> None:
    """Metrics are those of one replica, within relative tolerances; what is counted is the same."""
    assert many.keys() == one.keys()
    for tag, values in many.items():
        if tag in ADAPTIVE_METRICS:
            np.testing.assert_array_equal(values, one[tag], tag)
        else:
            tolerance = of_norms if tag.startswith("gradient_norm") else of_losses
            np.testing.assert_allclose(values, one[tag], tolerance, 1e-6, err_msg=tag)


@pytest.mark.parametrize(
    "recipe",
    [pytest.param(recipe, marks=pytest.mark.slow if recipe in SLOW else ()) for recipe in RECIPES],
)
def test_losses_and_gradients_do_not_depend_on_the_number_of_replicas(recipe, tmp_path):
    counts, of_losses, of_norms = RECIPES[recipe]
    one = metrics(tmp_path / "1", recipe, 1)
    for replicas in counts:
        many = metrics(tmp_path / str(replicas), recipe, replicas)
        assert_near(many, one, of_losses, of_norms)


def test_a_run_begun_on_two_replicas_goes_on_with_one_and_with_four(tmp_path):
    run = train_flags(tmp_path, "--dataset=synthetic")
    run_forked(*run, "--steps=4", "--virtual_devices=2")

    on_one = run_forked(*run, "--steps=6")
    on_four = run_forked(*run, "--steps=8", "--virtual_devices=4")

    assert "resuming" in on_one.stderr and "at step 4" in on_one.stderr
    assert "replicas 2 -> 1: the bits may differ" in on_one.stderr
    assert "at step 6" in on_four.stderr
    assert "replicas 2 -> 4: the bits may differ" in on_four.stderr
