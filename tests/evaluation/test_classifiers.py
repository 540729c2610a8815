"""The classifiers in the package: their accuracy, and that other weights are refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.conftest import damage_by_flipping
from trainer.data import loading
from trainer.data.datasets import DATASETS
from trainer.evaluation import classifier_networks, classifiers
from trainer.system.exits import RefusedError


@pytest.mark.parametrize(("name", "minimum"), [("feature_network", 0.935), ("class_network", 0.92)])
def test_accuracy_on_test_images(name, minimum, data_dir):
    images, labels = loading.load(DATASETS["fashion_mnist"], "test", data_dir, data_dir)
    network = classifier_networks.BUILDERS[name]()
    classifiers.read(network, classifiers.WEIGHTS / f"{name}.npz")

    logits = classifiers.predictor(network)(images)[-1]

    assert np.mean(logits.argmax(axis=1) == labels) >= minimum


@pytest.mark.parametrize(
    ("name", "predict"),
    [("feature_network", classifiers.features), ("class_network", classifiers.classes)],
)
def test_damaged_weights_are_refused(name, predict, tmp_path, monkeypatch):
    shutil.copytree(classifiers.WEIGHTS, tmp_path / "weights")
    damage_by_flipping(tmp_path / "weights" / f"{name}.npz")
    monkeypatch.setattr(classifiers, "WEIGHTS", tmp_path / "weights")
    classifiers._pretrained.cache_clear()

    with pytest.raises(RefusedError, match=f"{name}.npz is not the file of this version"):
        predict(np.zeros((1, *classifier_networks.IMAGE_SHAPE), np.uint8))
