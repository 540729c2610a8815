"""A lease on a folder in a bucket, for where no operating system's lock reaches.

The holder rewrites the object `.lock`, each time on condition that it is still its own version.
Who finds the object there watches it: a version that changes has a living holder, one that stays
for the length that it names has none, and is replaced on condition that it is still that one.
Only the watcher's own clock is read, so clocks of different machines need not agree.
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

from trainer.cloud import processes
from trainer.cloud.bucket import Bucket
from trainer.cloud.failures import Conflict, Vanished
from trainer.system import signals
from trainer.system.exits import InterruptedRun, RefusedError

log = logging.getLogger(__name__)

NAME = ".lock"
LEASE_SECONDS = 30.0
LONGEST_SECONDS = 600.0  # that a lease may ask others to wait
BEAT_SECONDS = 5.0  # between two rewritings
BEAT_PATIENCE_SECONDS = 3.0  # with which one is tried again
LOOK_SECONDS = 1.0  # between two looks at another's lease
PATIENCE_SECONDS = 10.0  # in which a holder that is about to end may do so
FAREWELL_SECONDS = 5.0  # for giving it back where the storage does not answer


@dataclass(frozen=True)
class _Seen:
    """A version of the lease that another process has written."""

    generation: int
    holder: str  # for people
    process: str
    seconds: float  # without a change, after which it may be replaced


class Lease:
    """The lease on a bucket's folder, as this process holds it or tries to."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._generation = 0
        self._renewed = 0.0  # by the monotonic clock
        self._changing = threading.Lock()
        self._content = json.dumps(
            {
                "holder": f"pid {os.getpid()} on {os.uname().nodename}",
                "process": processes.identity(),
                "seconds": LEASE_SECONDS,
                "nonce": os.urandom(8).hex(),
            }
        ).encode()

    def acquire(self) -> None:
        """Takes the lease, and waits for another's to end.

        Raises:
          RefusedError: another process holds it and goes on, or nothing may be written here.
          InterruptedRun: the storage does not answer.
        """
        started = time.monotonic()
        seen, since = self._look(), time.monotonic()
        if seen and not processes.is_dead(seen.process):
            log.info(
                "%s was last written by another process (%s): waiting up to %.0f s for its end",
                *(self._bucket.name, seen.holder, seen.seconds),
            )
        while not self._replace(seen, since):
            time.sleep(LOOK_SECONDS)
            before, seen = seen, self._look()
            if seen and before and seen.generation == before.generation:
                continue
            since = time.monotonic()  # after the look, so that no silence is counted too long
            if seen and since - started > PATIENCE_SECONDS:
                raise RefusedError(
                    f"{self._bucket.name} is being written by another process ({seen.holder}): "
                    "stop it or choose another folder"
                )
        try:
            self.renew()  # who may make objects may not be allowed to replace them: that shows now
        except (InterruptedRun, RefusedError):
            self.release()  # or whoever comes next would wait for the end of nobody
            raise

    def renew(self, patience: float | None = None) -> None:
        """Makes sure that the lease is still this process's, and prolongs it.

        Raises:
          Taken: it is not.
          InterruptedRun: the storage does not answer.
        """
        with self._changing:
            try:
                self._write(self._generation, patience)
            except Conflict as error:
                raise Taken(
                    f"{self._bucket.name} has been taken over by another process"
                ) from error

    def confirm(self) -> None:
        """Makes sure that nobody can hold the lease but this process, which may have been frozen.

        Raises:
          Taken: somebody does.
          InterruptedRun: the storage does not answer.
        """
        if time.monotonic() - self._renewed > LEASE_SECONDS / 2:
            self.renew()

    def release(self) -> None:
        """Gives the lease back, if the storage answers and it is still this process's."""
        with self._changing, contextlib.suppress(Conflict, InterruptedRun, RefusedError):
            self._bucket.delete(NAME, self._generation, FAREWELL_SECONDS)

    def _replace(self, seen: _Seen | None, since: float) -> bool:
        """Takes the lease if it is free, or its holder dead or silent for as long as it said."""
        silent = time.monotonic() - since
        if seen and silent <= seen.seconds and not processes.is_dead(seen.process):
            return False
        try:
            self._write(seen.generation if seen else 0)
        except Conflict:  # it has changed since it was looked at
            return False
        return True

    def _write(self, generation: int, patience: float | None = None) -> None:
        began = time.monotonic()
        self._generation = self._bucket.write(NAME, self._content, generation, patience).generation
        self._renewed = began

    def _look(self) -> _Seen | None:
        while there := self._bucket.find(NAME):
            try:
                said = json.loads(b"".join(self._bucket.read(NAME, there)))
                seconds = min(float(said["seconds"]), LONGEST_SECONDS)
                return _Seen(there.generation, str(said["holder"]), str(said["process"]), seconds)
            except Vanished:  # replaced between the two requests
                continue
            except (ValueError, KeyError, TypeError):  # not of our making
                return _Seen(there.generation, "unknown", "", LEASE_SECONDS)
        return None


class Taken(InterruptedRun):
    """Another process holds the lease now."""


@contextmanager
def held(bucket: Bucket) -> Iterator[Lease]:
    """Holds the lease on the bucket's folder. If it is lost, the process ends at once.

    Raises:
      RefusedError: another process holds it and goes on, or nothing may be written here.
    """
    lease = Lease(bucket)
    lease.acquire()
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(lease, done), name="lease", daemon=True)
    beating.start()
    try:
        yield lease
    finally:
        done.set()
        beating.join()
        lease.release()


def _beat(lease: Lease, done: threading.Event) -> None:
    while not done.wait(BEAT_SECONDS):
        try:
            lease.renew(BEAT_PATIENCE_SECONDS)
        except Taken as error:
            signals.leave(str(error))
        except (InterruptedRun, RefusedError):
            # The next beat tries again, and what the run itself asks for will say what is wrong.
            # A lease that has run out meanwhile is still held if nobody has replaced it.
            continue
