"""What scripts measure of attributes: colours by hue, and combinations held out of training."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from scripts.checks import held_out_combinations
from scripts.quality import coloured as of_colours
from tests.command import run_forked
from tests.conftest import train_flags
from tests.evaluation.shapes import folder_of_shapes
from trainer.data import coloured

GREEN_BARS = {"shape": "bar", "colour": "green"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_shapes(tmp_path_factory.mktemp("shapes"), 300)


def rows(table: Path) -> list[dict[str, str]]:
    with open(table, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_training_does_not_see_what_is_left_out_and_samples_are_measured(folder, tmp_path, capfd):
    table, job_dir = tmp_path / "without.csv", tmp_path / "run"
    value = [f"{name}={value}" for name, value in GREEN_BARS.items()]

    held_out_combinations.main(["leave_out", str(folder), str(table), *value])

    def is_green_bar(row: dict[str, str]) -> bool:
        return GREEN_BARS.items() <= row.items()

    everything = rows(folder / "metadata.csv")
    assert rows(table) == [row for row in everything if not is_green_bar(row)]
    left = sum(map(is_green_bar, everything))
    assert f"{left} of 300 rows are left out" in capfd.readouterr().out
    data = ["--dataset=image_folder", f"--data_dir={folder}", "--image_size=16"]
    places = [f"--metadata={table}", f"--cache_dir={tmp_path / 'cache'}"]
    trained = run_forked(*train_flags(job_dir, *data, *places, "--conditional", "--steps=2"))
    assert f"{left} pictures have no row in {table}" in trained.stderr
    asked = ["measure", str(job_dir), str(folder), *value, f"--cache_dir={tmp_path / 'cache'}"]

    found = held_out_combinations.measure(
        held_out_combinations.parsed([*asked, "--num=90", "--within=colour=shape=bar"])
    )

    real, generated = found["real"], found["generated"]
    in_known_colour = real.pop("held_out_in_known_colour")
    assert min(real["shape"], real["colour"], *real["held_out"].values()) > 0.8
    assert real["held_out"].keys() == {"shape", "colour", "all"}
    # In the green of other pictures they stay green bars.
    assert in_known_colour["all"] > 0.8
    assert generated.pop("variety") > 0 and generated.keys() == real.keys()
    assert generated["held_out"]["all"] < 0.5  # after two steps nothing is as asked


def test_pictures_are_paired_with_others_of_the_same_labels():
    labels = np.array([[0, 1], [1, 1], [0, 1], [1, 1], [1, 0], [0, 1]])
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)

    ours, others = held_out_combinations.pairs(images, labels, np.random.default_rng(0))

    assert sorted(ours.ravel()) == sorted(others.ravel()) == [0, 1, 2, 3, 5]  # 4 is alone
    assert (labels[ours.ravel()] == labels[others.ravel()]).all()
    assert (ours != others).all()
    assert held_out_combinations.distance(ours, ours) == 0
    assert held_out_combinations.distance(ours, ours + np.uint8(3)) == 3


def test_the_commonest_colour_is_exchanged_with_what_is_near_it():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[:, :2], images[:, 2, :2], images[:, 2, 2:] = (100, 80, 60), (105, 80, 60), (200, 0, 0)

    changed = held_out_combinations.recoloured(images, np.array([120, 70, 60], np.uint8))

    assert (changed[:, :2] == (120, 70, 60)).all() and (changed[:, 2, :2] == (125, 70, 60)).all()
    np.testing.assert_array_equal(changed[:, 2:, 2:], images[:, 2:, 2:])
    assert not changed[:, 3].any()


def test_colours_and_classes_of_real_images_are_told_without_their_colour():
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (50, 28, 28, 1), np.uint8)

    painted, labels = coloured.load(grey, np.arange(50) % 10)

    assert of_colours.accuracies(painted, labels)["colour"] == 1
    assert abs(of_colours.without_colour(painted).astype(int) - grey).max() <= 2
