"""The presets command: the recipes, a line each."""

from __future__ import annotations

from trainer.configuration import presets


def run(config: None) -> None:
    """Prints name and description of every preset."""
    del config
    for name in presets.names():
        print(f"{name:<14} {presets.description(name)}")
