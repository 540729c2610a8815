"""Requests to public servers, over a network that may come up late or fail for a while."""

from __future__ import annotations

import http.client
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TypeVar

from trainer.system.exits import first_line

log = logging.getLogger(__name__)

ANSWER_SECONDS = 15.0  # in which the network must send something
PATIENCE_SECONDS = 60.0  # with which it is tried again: a new pod's may not work at once
PAUSE_SECONDS = 2.0

Result = TypeVar("Result")


def reach(url: str) -> None:
    """Makes sure that the URL can be fetched, and waits for a network that may come up yet.

    Raises:
      OSError: it cannot.
    """
    _patiently(lambda: urllib.request.urlopen(url, timeout=ANSWER_SECONDS).close())


def read(url: str) -> bytes:
    """What the URL holds, whole. A transfer that breaks is begun again.

    Raises:
      OSError: it cannot be fetched.
    """
    return _patiently(lambda: _read(url))


def is_final(error: OSError) -> bool:
    """Whether somebody has answered, and would answer the same again."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in (408, 429)
    reason = getattr(error, "reason", None)
    return isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME


def _read(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as response:
            return response.read()
    except http.client.HTTPException as error:  # less than was announced, or no HTTP at all
        raise ConnectionError(first_line(error)) from error


def _patiently(request: Callable[[], Result]) -> Result:
    started, said = time.monotonic(), False
    while True:
        try:
            return request()
        except OSError as error:
            waited = time.monotonic() - started
            if is_final(error) or waited + PAUSE_SECONDS > PATIENCE_SECONDS:
                raise
            if not said:
                log.warning(
                    "the network fails (%s): trying again for up to %.0f s",
                    *(first_line(error), PATIENCE_SECONDS),
                )
                said = True
        time.sleep(PAUSE_SECONDS)
