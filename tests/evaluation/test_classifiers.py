"""The classifiers in the package: that they know clothes, and are those that figures are of."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.conftest import damage_by_flipping
from trainer.data import DATASETS, loading
from trainer.evaluation import classifier_networks, classifiers
from trainer.system.exits import RefusedError


@pytest.mark.parametrize(("name", "least"), [("feature_network", 0.935), ("judge", 0.92)])
def test_both_know_clothes_that_they_have_not_learnt_from(name, least, data_dir):
    images, labels = loading.load(DATASETS["fashion_mnist"], "test", data_dir)
    network = classifier_networks.BUILDERS[name]()
    classifiers.read(network, classifiers.WEIGHTS / f"{name}.npz")

    logits = classifiers.looking_with(network)(images)[-1]

    assert np.mean(logits.argmax(axis=1) == labels) >= least


@pytest.mark.parametrize(
    ("name", "look"),
    [("feature_network", classifiers.features), ("judge", classifiers.classes)],
)
def test_weights_that_are_damaged_are_refused(name, look, tmp_path, monkeypatch):
    shutil.copytree(classifiers.WEIGHTS, tmp_path / "weights")
    damage_by_flipping(tmp_path / "weights" / f"{name}.npz")
    monkeypatch.setattr(classifiers, "WEIGHTS", tmp_path / "weights")
    classifiers._shipped.cache_clear()

    with pytest.raises(RefusedError, match=f"{name}.npz is not the file of this version"):
        look(np.zeros((1, *classifier_networks.IMAGE_SHAPE), np.uint8))
