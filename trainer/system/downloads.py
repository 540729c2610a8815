"""Downloads from public servers, retried while the network is not up yet or fails temporarily."""

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

TIMEOUT_SECONDS = 15.0  # without any data
PATIENCE_SECONDS = 60.0  # how long a download is retried: a new pod's network may come up late
PAUSE_SECONDS = 2.0

Result = TypeVar("Result")


def check_reachable(url: str) -> None:
    """Makes sure that the URL can be fetched; retries while the network is not up yet.

    Raises:
      OSError: it cannot be fetched.
    """
    _with_retries(lambda: urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS).close())


def read(url: str) -> bytes:
    """The complete content of the URL. An interrupted transfer is started again.

    Raises:
      OSError: it cannot be fetched.
    """
    return _with_retries(lambda: _read(url))


def is_final(error: OSError) -> bool:
    """Whether a server has answered, and a retry would give the same answer."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in (408, 429)
    reason = getattr(error, "reason", None)
    return isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME


def was_cut_off(error: Exception) -> bool:
    """Whether the network failed during a download of TensorFlow Datasets, which uses `requests`.

    What a proxy or a certificate is to blame for will not be better the next time.
    """
    from requests import exceptions

    network = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError)
    lasting = (exceptions.ProxyError, exceptions.SSLError)
    return isinstance(error, network) and not isinstance(error, lasting)


def _read(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            return response.read()
    except http.client.HTTPException as error:  # an incomplete response, or not HTTP
        raise ConnectionError(first_line(error)) from error


def _with_retries(request: Callable[[], Result]) -> Result:
    started, warned = time.monotonic(), False
    while True:
        try:
            return request()
        except OSError as error:
            elapsed = time.monotonic() - started
            if is_final(error) or elapsed + PAUSE_SECONDS > PATIENCE_SECONDS:
                raise
            if not warned:
                log.warning(
                    "the network is failing (%s): trying again for up to %.0f s",
                    *(first_line(error), PATIENCE_SECONDS),
                )
                warned = True
        time.sleep(PAUSE_SECONDS)
