"""A lease on a folder in a bucket: a lock for processes on different machines.

The holder rewrites the object `.lock` regularly, on condition that the version is still its own.
Another process that finds the object polls it: a changed version means a living holder. A version
that stays unchanged for the number of seconds in its content has expired, and is replaced on
condition that it is still the same. Only the polling process's clock is read, so the clocks of
different machines need not agree.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trainer.cloud import lease_holder
from trainer.cloud.bucket import Bucket
from trainer.cloud.failures import Conflict, Vanished
from trainer.system import signals
from trainer.system.exits import InterruptedRun, RefusedError, first_line

log = logging.getLogger(__name__)

NAME = ".lock"
LEASE_SECONDS = 30.0
MAX_LEASE_SECONDS = 600.0  # upper limit for the seconds in another process's lease
HEARTBEAT_SECONDS = 5.0  # between two rewrites
HEARTBEAT_RETRY_SECONDS = 3.0
POLL_SECONDS = 1.0  # between two reads of another process's lease
PATIENCE_SECONDS = 10.0  # how long a holder that still renews may take to release
RELEASE_RETRY_SECONDS = 5.0


@dataclass(frozen=True)
class _StoredLease:
    """A version of the lease that another process has written."""

    generation: int
    holder: str  # for messages
    process: str  # its `lease_holder.identity`
    seconds: float  # unchanged for so long, it may be replaced


class Lease:
    """The lease of this process on a bucket's folder."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._generation = 0
        self._renewed = 0.0  # by the monotonic clock
        self._write_lock = threading.Lock()
        self._content = json.dumps(
            {
                "holder": f"pid {os.getpid()} on {os.uname().nodename}",
                "process": lease_holder.identity(),
                "seconds": LEASE_SECONDS,
                "nonce": os.urandom(8).hex(),
            }
        ).encode()

    def acquire(self) -> None:
        """Takes the lease; if another process has written it, waits until that one expires.

        Raises:
          RefusedError: another process holds and renews it, or there is no permission to write.
          InterruptedRun: the storage does not answer.
        """
        started = time.monotonic()
        stored, unchanged_since = self._read(), time.monotonic()
        if stored and not lease_holder.is_dead(stored.process):
            log.info(
                "%s was last written by another process (%s): waiting up to %.0f s for it to end",
                *(self._bucket.name, stored.holder, stored.seconds),
            )
        while not self._replace(stored, unchanged_since):
            time.sleep(POLL_SECONDS)
            previous, stored = stored, self._read()
            if stored and previous and stored.generation == previous.generation:
                continue
            unchanged_since = time.monotonic()  # after the read, so as not to overestimate the time
            if stored and unchanged_since - started > PATIENCE_SECONDS:
                raise RefusedError(
                    f"{self._bucket.name} is being written by another process ({stored.holder}): "
                    "stop it or choose another folder"
                )
        try:
            self.renew()  # some accounts may create objects but not replace them: find out now
        except (InterruptedRun, RefusedError):
            self.release()  # or the next process would wait for it to expire
            raise

    def renew(self, retry_for: float | None = None) -> None:
        """Makes sure that this process still holds the lease, and extends it.

        Raises:
          LeaseLost: another process holds it.
          InterruptedRun: the storage does not answer.
        """
        with self._write_lock:
            try:
                self._write(self._generation, retry_for)
            except Conflict as error:
                raise LeaseLost(
                    f"{self._bucket.name} has been taken over by another process"
                ) from error

    def confirm(self) -> None:
        """Renews the lease after half of its time, as when this process was suspended.

        Raises:
          LeaseLost: another process holds it.
          InterruptedRun: the storage does not answer.
        """
        if time.monotonic() - self._renewed > LEASE_SECONDS / 2:
            self.renew()

    def release(self) -> None:
        """Deletes the lease, if the storage answers and this process still holds it."""
        with self._write_lock, contextlib.suppress(Conflict, InterruptedRun, RefusedError):
            self._bucket.delete(NAME, self._generation, RELEASE_RETRY_SECONDS)

    def _replace(self, stored: _StoredLease | None, unchanged_since: float) -> bool:
        """Takes the lease if there is none, or it has expired, or its holder has died."""
        unchanged = time.monotonic() - unchanged_since
        if stored and unchanged <= stored.seconds and not lease_holder.is_dead(stored.process):
            return False
        try:
            self._write(stored.generation if stored else 0)
        except Conflict:  # it has changed since it was read
            return False
        return True

    def _write(self, generation: int, retry_for: float | None = None) -> None:
        started = time.monotonic()
        self._generation = self._bucket.write(NAME, self._content, generation, retry_for).generation
        self._renewed = started

    def _read(self) -> _StoredLease | None:
        while current := self._bucket.find(NAME):
            try:
                content = json.loads(b"".join(self._bucket.read(NAME, current)))
                seconds = min(float(content["seconds"]), MAX_LEASE_SECONDS)
                return _StoredLease(
                    current.generation, str(content["holder"]), str(content["process"]), seconds
                )
            except Vanished:  # replaced between the two requests
                continue
            except (ValueError, KeyError, TypeError, RecursionError):  # not by this program
                return _StoredLease(current.generation, "unknown", "", LEASE_SECONDS)
        return None


class LeaseLost(InterruptedRun):
    """Another process holds the lease now."""


@contextmanager
def hold(bucket: Bucket) -> Iterator[Lease]:
    """Holds the lease on the bucket's folder. If it is lost, the process ends at once.

    Raises:
      RefusedError: another process holds and renews it, or there is no permission to write.
    """
    lease = Lease(bucket)
    lease.acquire()
    done = threading.Event()
    heartbeats = threading.Thread(
        target=_send_heartbeats, args=(lease, done), name="lease", daemon=True
    )
    heartbeats.start()
    try:
        yield lease
    finally:
        done.set()
        heartbeats.join()
        lease.release()


def _send_heartbeats(lease: Lease, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT_SECONDS):
        try:
            lease.renew(HEARTBEAT_RETRY_SECONDS)
        except LeaseLost as error:
            signals.exit_now(str(error))
        except (InterruptedRun, RefusedError):
            # The next heartbeat tries again; the run's own requests report what is wrong. An
            # expired lease is still held while no other process has replaced it.
            continue
        except Exception as error:  # a defect: who trains on without heartbeats is overtaken unsaid
            signals.exit_now(f"the lease cannot be renewed ({first_line(error)})")
