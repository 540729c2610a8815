"""The classifiers in the package: their accuracy, and that other weights are refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.conftest import damage_by_flipping
from trainer.data import loading
from trainer.data.datasets import DATASETS
from trainer.evaluation import evaluation_networks, packaged_architectures, packaged_networks
from trainer.system.exits import RefusedError


@pytest.mark.parametrize(
    ("name", "minimum"), [("feature_network", 0.925), ("class_network", 0.905)]
)
def test_accuracy_on_a_quarter_of_the_test_images(name, minimum, data_dir):
    images, labels = loading.load(DATASETS["fashion_mnist"], "test", data_dir, data_dir)
    images, labels = images[:2500], labels[:2500]
    network = packaged_architectures.BUILDERS[name]()
    packaged_networks.read(network, packaged_networks.WEIGHTS / f"{name}.npz")

    logits = evaluation_networks.predictor(network)(images)[-1]

    assert np.mean(logits.argmax(axis=1) == labels[:, 0]) >= minimum


@pytest.mark.parametrize(
    ("name", "predict"),
    [("feature_network", packaged_networks.features), ("class_network", packaged_networks.classes)],
)
def test_damaged_weights_are_refused(name, predict, tmp_path, monkeypatch):
    shutil.copytree(packaged_networks.WEIGHTS, tmp_path / "weights")
    damage_by_flipping(tmp_path / "weights" / f"{name}.npz")
    monkeypatch.setattr(packaged_networks, "WEIGHTS", tmp_path / "weights")
    packaged_networks._pretrained.cache_clear()

    with pytest.raises(RefusedError, match=f"{name}.npz is not this version's file"):
        predict(np.zeros((1, *packaged_architectures.IMAGE_SHAPE), np.uint8))
