"""What was asked for on the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Of all parts."""

    rounds: int
    steps: int  # a round, of each contender
    seconds: float  # a round, of what is compared with itself alone
    threads: int  # and cores
    device: str
    contenders: tuple[str, ...]
    images: int  # that `generate` makes
    run_steps: int  # of the run whose time is divided up
