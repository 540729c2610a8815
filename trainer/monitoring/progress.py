"""Progress for people: a bar on a terminal, else a line every 30 seconds."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from tqdm import tqdm

log = logging.getLogger(__name__)

LINE_SECONDS = 30.0
BAR = "{percentage:3.0f}%|{bar}| {n}/{total} [{elapsed}<{remaining}{postfix}]"


class Progress:
    """Shows how far a training is."""

    def __init__(
        self,
        step: int,
        last_step: int,
        clock: Callable[[], float] = time.monotonic,
        terminal: bool | None = None,
    ) -> None:
        self._clock = clock
        self._last_step = last_step
        self._next_line = clock()
        self._bar: tqdm | None = None
        if sys.stderr.isatty() if terminal is None else terminal:
            self._bar = tqdm(
                total=last_step, initial=step, unit="step", dynamic_ncols=True, bar_format=BAR
            )

    def report(
        self, step: int, epoch: float, metrics: dict[str, float], steps_per_second: float
    ) -> None:
        """Shows one loop's end."""
        generator, discriminator = metrics["loss/generator"], metrics["loss/discriminator"]
        speed = f"{metrics['throughput/images_per_second']:.0f} images/s"
        if self._bar is not None:
            short = f"{speed}, loss G {generator:.2f} D {discriminator:.2f}"
            self._bar.set_postfix_str(short, refresh=False)
            self._bar.update(step - self._bar.n)
        elif self._clock() >= self._next_line or step == self._last_step:
            self._next_line = self._clock() + LINE_SECONDS
            left = timedelta(seconds=round((self._last_step - step) / steps_per_second))
            log.info(
                "step %d/%d, epoch %.2f, loss generator %.3f discriminator %.3f, %s, ETA %s",
                *(step, self._last_step, epoch, generator, discriminator, speed, left),
            )

    def close(self) -> None:
        """Leaves the terminal's line."""
        if self._bar is not None:
            self._bar.close()
