"""Progress for people: a gauge in a terminal's last line, else a log line every 30 seconds."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from trainer.runs.records import EVALUATED_FRECHET
from trainer.system import activity

log = logging.getLogger(__name__)

LINE_SECONDS = 30.0
STEADY_SECONDS = 5.0  # of training after the first loop, which makes the graph: then time is told
_MOST_SECONDS = 10 * 365 * 86400  # that are told to be left
MOST_OF_BAR, LEAST_OF_BAR = 30, 5  # columns
_SEPARATOR = " · "
_TRAINING = "training"  # what a moving bar says already


class Progress:
    """Shows how far a training is."""

    def __init__(
        self,
        step: int,
        last_step: int,
        clock: Callable[[], float] = time.monotonic,
        terminal: bool | None = None,
        distances: Sequence[float] = (),
    ) -> None:
        """Shows nothing yet.

        Args:
          step: at which the run begins.
          last_step: at which it ends.
          clock: in seconds.
          terminal: whether there is one to draw on; None: as stderr is.
          distances: that were measured before it was taken up.
        """
        self._clock = clock
        self._step = step
        self._last_step = last_step
        self._next_line = clock()
        self._first_loop: tuple[int, float] | None = None  # its last step, and when it ended
        self._distances = list(distances)
        self._parts: dict[str, str] = {}
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        if self._terminal:
            activity.use_gauge(self.line)

    def report(self, step: int, epoch: float, metrics: dict[str, float]) -> None:
        """Shows one loop's end."""
        self._step = step
        now = self._clock()
        self._first_loop = self._first_loop or (step, now)
        generator, discriminator = metrics["loss/generator"], metrics["loss/discriminator"]
        speed = f"{metrics['throughput/images_per_second']:.0f} images/s"
        left = self._time_left(now)
        if EVALUATED_FRECHET in metrics:
            self._distances.append(metrics[EVALUATED_FRECHET])
        self._parts = {
            "left": f"{left} left" if left else "",
            "distance": self._distance(),
            "speed": speed,
            "epoch": f"epoch {epoch:.1f}",
            "loss": f"loss G {generator:.2f} D {discriminator:.2f}",
        }
        if not self._terminal and (now >= self._next_line or step == self._last_step):
            self._next_line = now + LINE_SECONDS
            log.info(
                "step %d/%d, epoch %.2f, loss generator %.3f discriminator %.3f, %s%s",
                *(step, self._last_step, epoch, generator, discriminator, speed),
                f", ETA {left}" if left else "",
            )

    def line(self, columns: int, busy_with: str) -> str:
        """The gauge, with what is least needed left out where the terminal is narrow."""
        share = self._step / self._last_step
        counts = f"{share:4.0%} {{bar}} {self._step}/{self._last_step}"
        doing = "" if busy_with.startswith(_TRAINING) and self._first_loop else busy_with
        shown = [counts]
        for part in (doing, *self._parts.values()):
            if part and len(_SEPARATOR.join([*shown, part])) + LEAST_OF_BAR <= columns:
                shown.append(part)
        line = _SEPARATOR.join(shown)
        room = max(LEAST_OF_BAR, min(MOST_OF_BAR, columns - len(line) + len("{bar}") - 1))
        filled = round(share * room)
        return line.replace("{bar}", "█" * filled + "░" * (room - filled))

    def close(self) -> None:
        """Leaves the terminal's line."""
        if self._terminal:
            activity.use_gauge(None)

    def _time_left(self, now: float) -> timedelta | None:
        """By the speed since the first loop, all pauses included; None while it is not steady.

        None also for a run of so many steps that it is meant to go on until it is stopped.
        """
        assert self._first_loop is not None
        step, when = self._first_loop
        if now - when < STEADY_SECONDS or self._step <= step:
            return None
        seconds_a_step = (now - when) / (self._step - step)
        seconds = (self._last_step - self._step) * seconds_a_step
        return timedelta(seconds=round(seconds)) if seconds < _MOST_SECONDS else None

    def _distance(self) -> str:
        if not self._distances:
            return ""
        last, best = self._distances[-1], min(self._distances)
        return f"Fréchet {last:.2f}" + (f", best {best:.2f}" if best < last else "")
