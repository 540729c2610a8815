"""Parts that have this trainer beside itself, on one device."""

from __future__ import annotations

from dataclasses import replace

from scripts.benchmark import entries, rounds
from scripts.benchmark.entries import PRECISIONS
from scripts.benchmark.rounds import Entry, Result
from scripts.benchmark.settings import Settings
from trainer.configuration import presets

TOGETHER = 4  # as many trainings fit into a few gigabytes
BATCHES = (32, 64, 128, 256, 512, 1024)
BATCHED = ("dcgan", "fashion")
SIDES = (64, 128, 256)  # of pictures in colour
OF_A_FOLDER = "own"  # the preset for coloured pictures of 64 pixels
STYLED_SIDES = (28, *SIDES[:2])
STYLED = ("fashion", "style")  # the same layers, without modulation and with it
SMALLEST = ("--preset=mlp", "--batch_size=1")
STEPS_A_LOOP = (1, 100)


def every_preset(settings: Settings) -> Result:
    """Answers by preset, at its own batch and precision, and of the products of matrices."""
    compared = {name: _preset(name) for name in presets.names()}
    results: Result = {}
    for precision in PRECISIONS:
        results |= rounds.measure(entries.products(precision), settings)
    names = list(compared)
    for first in range(0, len(names), TOGETHER):
        some = {name: compared[name] for name in names[first : first + TOGETHER]}
        results |= rounds.measure(some, settings)
    return results


def _preset(name: str) -> Entry:
    """On Fashion-MNIST, or on pictures of the form that it is for."""
    given = f"--preset={name}"
    return _of_size(64, True, False, given) if name == OF_A_FOLDER else entries.ours(given)


def batch_sizes(settings: Settings) -> Result:
    """Answers by preset and batch."""
    return {
        preset: rounds.measure(
            {
                str(size): entries.ours(f"--preset={preset}", f"--batch_size={size}")
                for size in BATCHES
            },
            settings,
        )
        for preset in BATCHED
    }


def sizes(settings: Settings) -> Result:
    """Answers by the side of pictures: steps and feeding alone, resident and streamed."""
    compared = {
        side: {
            f"{what} {where}": _of_size(side, what == "step", where == "streamed")
            for what in ("step", "feeding")
            for where in ("resident", "streamed")
        }
        for side in SIDES
    }
    return {str(side): rounds.measure(some, settings) for side, some in compared.items()}


def styles(settings: Settings) -> Result:
    """Answers by side and architecture, without modulation and with it, and of products."""
    results: Result = {}
    for precision in PRECISIONS:
        results |= rounds.measure(entries.products(precision), settings)
    for side in STYLED_SIDES:
        compared = {
            f"{side} {name}": _of_size(side, True, False, f"--architecture={name}")
            for name in STYLED
        }
        results |= rounds.measure(compared, settings)
    return results


def _of_size(side: int, trained: bool, streamed: bool, *more: str) -> Entry:
    given = ("--dataset=celeb_a", f"--image_size={side}", "--noconditional", *more)
    entry = entries.ours(*given)
    return replace(
        entry,
        module="by_size",
        multiply_adds=entry.multiply_adds if trained else 0,
        options={"given": given, "side": side, "streamed": streamed, "trained": trained},
    )


def loop(settings: Settings) -> Result:
    """Answers of what is around a step: feeding, the outer loop, and the smallest of steps."""
    compared = {
        "feeding": _around_a_step("feeding"),
        "empty": _around_a_step("empty_loop", recorded=False),
        "recorded": _around_a_step("empty_loop", recorded=True),
    }
    for steps in STEPS_A_LOOP:
        compared[f"smallest/{steps}"] = entries.ours(*SMALLEST, steps_a_loop=steps)
    return rounds.measure(compared, settings)


def _around_a_step(module: str, **options: bool) -> Entry:
    """What multiplies nothing, at the default preset's batch."""
    return replace(entries.ours(), module=module, multiply_adds=0, options=options)
