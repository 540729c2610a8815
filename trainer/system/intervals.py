"""What is done again only after some seconds, as saying how far something is."""

from __future__ import annotations

import time


class Interval:
    """A time that is over again and again."""

    def __init__(self, seconds: float) -> None:
        """Begins now."""
        self._seconds, self._began = seconds, time.monotonic()

    def has_passed(self) -> bool:
        """Whether so many seconds have gone since it began; it then begins anew."""
        now = time.monotonic()
        if now - self._began < self._seconds:
            return False
        self._began = now
        return True
