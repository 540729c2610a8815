"""A worker that has long said nothing says what it is doing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from trainer.system import activity


def test_what_takes_long_is_named_as_often_as_asked(caplog):
    caplog.set_level(logging.INFO, "trainer")
    with activity.reported(silence_seconds=0.01):
        activity.now("waiting for the chief")
        assert comes(lambda: caplog.text.count("waiting for the chief, for 0 s") >= 2)
        activity.now("training")
        assert comes(lambda: "training, for 0 s" in caplog.text)


def comes(happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)
    return happened()


def test_nothing_is_said_before_that(caplog):
    caplog.set_level(logging.INFO, "trainer")
    with activity.reported(silence_seconds=3600):
        activity.now("training")
        time.sleep(0.05)
    assert caplog.text == ""
