"""The presets command: the recipes compared."""

from __future__ import annotations

import textwrap

from trainer.configuration import presets

FIRST = ("fashion", "own")  # what most people want
COLUMNS = 100
_ROW = "{:<13} {:>8} {:>9}  {}"


def run(config: None) -> None:
    """Prints a table, each preset's description below its row."""
    del config
    print(_ROW.format("preset", "Fréchet", "images/s", "for"))
    for name in sorted(presets.names(), key=lambda name: (name not in FIRST, name)):
        measured = [presets.remark(name, kind) or "-" for kind in ("frechet", "images_a_second")]
        print(_ROW.format(name, *measured, presets.remark(name, "for")).rstrip())
        print(textwrap.indent(textwrap.fill(presets.description(name), COLUMNS - 4), "    "))
    print(
        "\nFréchet: distance to Fashion-MNIST's test images after about 15 minutes of CPU time\n"
        "(real images: 0.27). images/s: on two cores. docs/quality.md has more."
    )
