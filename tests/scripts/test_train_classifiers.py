"""The command that trains the package's classifiers."""

from __future__ import annotations

import re

import numpy as np

from scripts.quality import train_classifiers
from trainer.data import loading
from trainer.evaluation import packaged_networks
from trainer.system import file_system


def test_it_writes_weights_that_the_package_can_read(tmp_path, monkeypatch, data_dir, capsys):
    def first(*asked):
        images, labels = loading_all(*asked)
        return images[:300], labels[:300]

    loading_all = loading.load
    monkeypatch.setattr(loading, "load", first)  # all of them take half an hour
    monkeypatch.setitem(train_classifiers.EPOCHS, "class_network", 2)
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))

    train_classifiers.main(tmp_path / "out", ["class_network"])

    path = tmp_path / "out" / "class_network.npz"
    said = re.fullmatch(
        r"class_network: accuracy (0\.\d+), sha256 (\w+)\n", capsys.readouterr().out
    )
    assert said is not None and said[2] == file_system.sha256(path)
    assert 0.15 < float(said[1]) <= 1  # by chance .1
    with np.load(path) as written, np.load(packaged_networks.WEIGHTS / path.name) as packaged:
        assert set(written.files) == set(packaged.files)
