"""What the tests share: small runs, and the command as a user calls it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from scripts.submission.run_objects import Run
from tests.command import ROOT, run_forked
from tests.manifests import rendering
from trainer.data import fashion_mnist

# Before a run: its evaluations compare with so few training images, which takes less time.
FEW_REFERENCES = (
    "from trainer.evaluation import during_training; during_training.REFERENCE_IMAGES = 200\n"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The slow check is the same test, more often: `--disturbances=30`."""
    parser.addoption("--disturbances", type=int, default=3, help="of a run, of a group of workers")


def pytest_configure(config: pytest.Config) -> None:
    """Tests run on up to four devices, each operation on two threads, as runs do.

    Not in the process that only hands tests to others: it needs no TensorFlow.
    """
    if not hasattr(config, "workerinput") and config.getoption("numprocesses", None):
        return
    import tensorflow as tf

    from trainer.system import determinism

    determinism.enable()
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
    )


def train_flags(job_dir: Path, *more: str) -> list[str]:
    """Flags of a small training; later flags win."""
    return [
        "train",
        f"--job_dir={job_dir}",
        "--preset=mlp",  # the fastest
        "--steps=30",
        "--batch_size=8",
        "--checkpoint_interval=10",
        "--threads=2",
        "--evaluation_interval=0",  # an evaluation takes longer than the training
        *more,
    ]


def damage_by_flipping(path: Path) -> None:
    """Inverts a byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def assert_same_bits(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    """Asserts that two checkpoints hold the same tensors."""
    assert left.keys() == right.keys()
    different = [name for name in left if left[name].tobytes() != right[name].tobytes()]
    assert not different


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory) -> None:
    """What is prepared is kept there, not in the home of whoever runs the tests."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The prepared Fashion-MNIST."""
    folder = Path(os.environ.get("TFDS_DATA_DIR", ROOT / ".cache" / "tensorflow_datasets"))
    os.environ["TFDS_DATA_DIR"] = str(folder)
    fashion_mnist.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def idx_folder() -> Path:
    """The four original files of Fashion-MNIST."""
    unpacked = ROOT / ".cache" / "dataset-fashion-mnist"
    for folder in (
        fashion_mnist.DEBIAN_FOLDER,
        unpacked / fashion_mnist.DEBIAN_FOLDER.relative_to("/"),
    ):
        if folder.exists():
            return folder
    pytest.skip("needs the original files of Fashion-MNIST (Debian's dataset-fashion-mnist)")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training on the synthetic set: a grid an epoch, two epochs and a bit."""
    job_dir = tmp_path_factory.mktemp("runs") / "finished"
    run_forked(*finished_flags(job_dir))
    return job_dir


def finished_flags(job_dir: Path) -> list[str]:
    """Flags of the run of `finished`."""
    return train_flags(
        job_dir,
        "--save_interval=1",
        "--dataset=synthetic",
        "--steps=130",
        "--batch_size=64",
    )


@pytest.fixture(params=rendering.OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Run:
    """Each overlay of k8s/, as it stands."""
    return rendering.rendered(request.param)


@pytest.fixture(params=rendering.OVERLAYS)
def custom(request: pytest.FixtureRequest) -> Run:
    """Each overlay of k8s/ with all components and other names."""
    return rendering.customised(request.param)
