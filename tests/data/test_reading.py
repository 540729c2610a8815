"""Sets larger than the memory: read from their file, ahead of time, to the same bits."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.command import run_forked
from tests.conftest import assert_same_bits, train_flags
from trainer.configuration import flags
from trainer.data import feeding, reading
from trainer.data.datasets import DatasetSpec
from trainer.data.feeding import Feed
from trainer.evaluation import own_networks
from trainer.evaluation.evaluation_networks import EvaluationNetworks
from trainer.gan.state import FashionGAN
from trainer.runs import checkpoints, state_variables
from trainer.system import exits
from trainer.system.exits import RefusedError
from trainer.training import callbacks, grids

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 3), np.uint8)
STREAMED = "from trainer.data import feeding; feeding.RESIDENT_BYTES = 0\n"
# Loops of four steps and pauses every five: they are of four and of one by turns.
LOOPS = ("--steps_per_loop=4", "--checkpoint_interval=5", "--noconditional", "--image_size=16")


@pytest.fixture
def mapped(tmp_path) -> np.ndarray:
    np.save(tmp_path / "images.npy", IMAGES)
    return np.load(tmp_path / "images.npy", mmap_mode="r")


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A folder of forty pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, pixels in enumerate(IMAGES):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_rows_of_a_mapped_array_are_those_of_its_file(mapped):
    read = reading.reader(mapped)
    for rows in ([[3, 39, 0], [3, 3, 17]], [5], np.zeros([0, 8], int)):
        found = read(np.array(rows, np.int32))
        np.testing.assert_array_equal(found, IMAGES[np.array(rows, int)])


def test_a_part_of_a_mapped_array_is_read_as_what_it_is(mapped):
    rows = np.array([2, 0])
    np.testing.assert_array_equal(reading.reader(mapped[10:20])(rows), IMAGES[[12, 10]])
    np.testing.assert_array_equal(reading.reader(mapped[::-1])(rows), IMAGES[[37, 39]])
    np.testing.assert_array_equal(reading.reader(IMAGES)(rows), IMAGES[rows])


def test_a_file_that_has_become_shorter_is_refused_by_its_name(mapped):
    read = reading.reader(mapped)
    with open(mapped.filename, "r+b") as file:
        file.truncate(1000)
    with pytest.raises(RefusedError, match=r"images\.npy has become shorter"):
        read(np.array([39]))


def real_grid(images: np.ndarray) -> None:
    recipe = flags.train(["train", "--job_dir=unused", "--noconditional"]).recipe
    grids.real(recipe, images, np.zeros([len(images), 0], int))


def features_for_evaluations(images: np.ndarray) -> None:
    nothing = EvaluationNetworks(lambda some: some, lambda some: some, "", None)
    nothing.features_of(images, np.arange(len(images)))


def networks_for_evaluations(images: np.ndarray) -> None:
    spec = DatasetSpec("own", (4, 4, 3), len(images), 0, ())
    own_networks.provide(spec, lambda: (images, np.zeros([len(images), 0], int)))


@pytest.mark.parametrize(
    "look",
    [real_grid, features_for_evaluations, networks_for_evaluations],
    ids=lambda f: f.__name__,
)
def test_a_disk_that_fails_ends_no_look_at_real_pictures_by_a_signal(look, tmp_path):
    """Through the mapping, a page that is not there any more would be SIGBUS."""
    np.save(tmp_path / "images.npy", np.zeros([40, 4, 4, 3], np.uint8))
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    os.truncate(tmp_path / "images.npy", 100)
    with pytest.raises(RefusedError, match=r"images\.npy has become shorter"):
        look(images)


def test_what_was_read_ahead_is_taken_by_whoever_asks_for_it_in_loops_of_any_length():
    readers = []

    def read(rows):
        readers.append((threading.current_thread().name, len(rows)))
        return IMAGES[rows]

    ahead = reading.ReadAhead(read)
    order = np.random.default_rng(1).integers(0, 40, [20, 8])
    step = 0
    for steps in (1, 4, 2, 2, 7):  # the third takes half of what there is, the last one more
        rows = order[step : step + steps]
        np.testing.assert_array_equal(ahead.take(rows), IMAGES[rows])
        step += steps
        ahead.start(lambda end=step: order[end : end + 4])

    read_in_time = sum(steps for name, steps in readers if name == "read ahead")
    at_once = [steps for name, steps in readers if name != "read ahead"]
    assert at_once == [1, 3]  # the first, and those beyond the guess
    assert read_in_time == 16 - 1 - 3 + 4  # each once, and four that nobody has asked for yet


def test_an_error_is_told_who_needs_what_could_not_be_read():
    fails = [True, False, True, True]

    def read(rows):
        if fails.pop(0):
            raise OSError(5, "Input/output error", "images.npy")
        return IMAGES[rows]

    ahead, rows = reading.ReadAhead(read), np.arange(8).reshape(2, 4)
    ahead.start(lambda: rows)
    np.testing.assert_array_equal(ahead.take(rows), IMAGES[rows])  # at the second attempt
    ahead.start(lambda: rows + 8)
    with pytest.raises(OSError, match="Input/output error"):
        ahead.take(rows + 8)


def test_a_loop_is_no_longer_than_what_is_sent_at_once(monkeypatch):
    labels = np.zeros((len(IMAGES), 1), np.int64)
    assert feeding.feed(IMAGES, labels, ["/cpu:0"]).most_steps(8) > 10**9
    monkeypatch.setattr(feeding, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(feeding, "LOOP_BYTES", 3 * 8 * IMAGES[0].nbytes + 1)
    streamed = feeding.feed(IMAGES, labels, ["/cpu:0"])
    assert streamed.most_steps(8) == 3
    assert streamed.most_steps(8000) == 1


def test_a_set_in_memory_is_read_from_its_file_in_pieces(mapped, monkeypatch):
    monkeypatch.setattr(feeding, "COPIED_BYTES", 7 * IMAGES[0].nbytes)
    labels = np.arange(len(IMAGES))[:, np.newaxis]
    feed = feeding.Resident(mapped, labels, ["/cpu:0", "/cpu:1"])
    rows = np.random.default_rng(2).integers(0, len(IMAGES), 50).astype(np.int32)
    images, found = feed.fetch([tf.constant(rows)], 1)
    np.testing.assert_array_equal(images, IMAGES[rows])
    np.testing.assert_array_equal(found, labels[rows])

    with open(mapped.filename, "r+b") as file:
        file.truncate(1000)  # what the mapping would end the process for
    with pytest.raises(RefusedError, match=r"images\.npy has become shorter"):
        feeding.Resident(mapped, labels, ["/cpu:0"])


class Training:
    """Seventeen steps on what is fed, in loops of four steps and of one by turns."""

    def __init__(self, feed: Feed) -> None:
        given = ["--preset=mlp", "--dataset=synthetic", "--batch_size=8", "--conditional"]
        recipe = flags.train(["train", "--job_dir=x", *given]).recipe
        data = dataclasses.replace(recipe.data, image_shape=IMAGES.shape[1:])
        self._gan = FashionGAN(dataclasses.replace(recipe, data=data), 17)
        strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
        self._train = callbacks.training(self._gan, strategy, feed, False, 17)
        self.variables = dict(state_variables.named_variables(self._gan.state()))

    def until(self, end: int) -> dict[str, np.ndarray]:
        """Trains to a step, and gives what it is then."""
        while (step := int(self._gan.step.numpy())) < end:
            self._train(step, min(4, 5 - step % 5, end - step))
        return {name: variable.numpy() for name, variable in self.variables.items()}


def test_a_streamed_run_and_its_resume_have_the_bits_of_one_that_is_resident(mapped):
    labels = np.arange(len(IMAGES))[:, np.newaxis] % 10
    resident = Training(feeding.Resident(IMAGES, labels, ["/cpu:0"])).until(17)
    kept = Training(feeding.Streamed(mapped, labels)).until(7)
    streamed = Training(feeding.Streamed(mapped, labels))
    for name, value in kept.items():
        streamed.variables[name].assign(value)
    assert_same_bits(streamed.until(17), resident)


# The disk fails, or hangs, beyond the first loop. Before it the grid of real pictures reads all 40.
FAILS = f"""{STREAMED}
import errno, os
intact = os.preadv
left = [40 + 3 * 4 * 8]
def preadv(*arguments):
    left[0] -= 1
    if left[0] < 0:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return intact(*arguments)
os.preadv = preadv
"""
HANGS = f"""{STREAMED}
import os, signal, threading, time
intact = os.preadv
def preadv(*arguments):
    if threading.current_thread().name == "read ahead":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3600)
    return intact(*arguments)
os.preadv = preadv
"""


def test_a_disk_that_fails_while_the_run_reads_is_named_in_one_line(pictures, tmp_path):
    given = ["--dataset=image_folder", f"--data_dir={pictures}", *LOOPS]

    refused = run_forked(*train_flags(tmp_path / "run", *given), before=FAILS, code=exits.REFUSED)

    last = refused.stderr.splitlines()[-1]
    assert "images.npy cannot be used (Input/output error)" in last and "repair it" in last
    assert "Traceback" not in refused.stderr
    newest = checkpoints.read_newest(tmp_path / "run" / "checkpoints")
    assert newest is not None and newest[0] in (5, 10)


def test_a_disk_that_hangs_keeps_nobody_from_saving_and_leaving(pictures, tmp_path):
    given = ["--dataset=image_folder", f"--data_dir={pictures}", *LOOPS]

    stopped = run_forked(
        *train_flags(tmp_path / "run", *given), before=HANGS, code=exits.INTERRUPTED
    )

    assert f"{signal.SIGTERM.name}: finishing the loop in flight" in stopped.stderr
    newest = checkpoints.read_newest(tmp_path / "run" / "checkpoints")
    assert newest is not None and newest[0] == 4
