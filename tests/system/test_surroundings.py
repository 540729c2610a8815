"""A run is a function of its configuration, not of the settings of other projects around it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.command import run_forked, start_process
from tests.conftest import assert_same_bits, train_flags
from trainer.runs import checkpoints
from trainer.system import exits

FOREIGN = {
    "floatx": "float16",
    "epsilon": 0.1,
    "backend": "jax",
    "image_data_format": "channels_first",
}


@pytest.mark.slow
def test_settings_of_keras_change_no_bit(tmp_path):
    flags = ["--preset=dcgan", "--width=8", "--dataset=synthetic", "--steps=2"]
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(FOREIGN))
    foreign = {"HOME": str(tmp_path), "KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1"}
    run_forked(*train_flags(tmp_path / "plain", *flags))

    process = start_process(
        *train_flags(tmp_path / "foreign", *flags),
        env={**os.environ, **foreign},
        stderr=subprocess.PIPE,
    )
    log = process.communicate(timeout=300)[1]

    assert process.returncode == exits.OK, log
    plain, other = (
        checkpoints.read(tmp_path / name / "checkpoints" / "ckpt-2")
        for name in ("plain", "foreign")
    )
    assert_same_bits(plain, other)


def test_a_data_set_that_needs_no_folder_needs_no_home(monkeypatch):
    from trainer.configuration import flags

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no such user")))
    flags.train(["train", "--job_dir=x", "--dataset=synthetic"])
