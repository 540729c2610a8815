"""What grows, and what is trained at each of its values.

Steps are those of the default preset, in float32, on pictures in colour, unless said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scripts.benchmark import entries
from scripts.benchmark.rounds import Entry

Entries = dict[str, Entry]  # by value: a whole number as text

SMALL_BATCH, BATCH = 8, 64
ATTRIBUTES = ("class", "colour", "pattern")  # of synthetic_garments
_SIDE = 32
_SET_SIDE = 16  # of a million pictures, which so have 768 MB


@dataclass(frozen=True)
class Axis:
    """One thing that grows."""

    title: str
    unit: str  # of its values
    entries: Callable[[], Entries]


def _step(*given: str, side: int = _SIDE, number: int = 0, streamed: bool = False) -> Entry:
    """A step of the default preset on so many pictures of that side; 0: on 256 MiB of them."""
    sized = ("--dataset=celeb_a", f"--image_size={side}", "--noconditional")
    asked = (*sized, "--precision=float32", *given)
    options = {"given": asked, "side": side, "streamed": streamed, "trained": True}
    return replace(entries.ours(*asked), module="by_size", options={**options, "number": number})


def _sides() -> Entries:
    batch = f"--batch_size={SMALL_BATCH}"
    return {str(side): _step(batch, side=side) for side in (32, 64, 128, 256)}


def _widths() -> Entries:
    return {str(width): _step(f"--width={width}") for width in (8, 16, 32, 64)}


def _batches() -> Entries:
    return {str(size): _step(f"--batch_size={size}") for size in (8, 16, 32, 64, 128, 256)}


def _attributes() -> Entries:
    found = {}
    for number in range(1, len(ATTRIBUTES) + 1):
        chosen = f"--attributes={','.join(ATTRIBUTES[:number])}"
        found[str(number)] = _step("--dataset=synthetic_garments", "--conditional", chosen)
    return found


def _devices() -> Entries:
    given = f"--batch_size={BATCH}"
    return {str(each): _step(given, f"--virtual_devices={each}") for each in (1, 2, 4)}


def _processes() -> Entries:
    alone = _step(f"--batch_size={BATCH}")
    return {str(each): replace(alone, processes=each) for each in (1, 2, 4)}


def _sets(streamed: bool) -> Entries:
    given = ("--width=8", f"--image_size={_SET_SIDE}")
    return {
        str(number): _step(*given, side=_SET_SIDE, number=number, streamed=streamed)
        for number in _powers(10_000, 1_000_000)
    }


def _powers(first: int, last: int) -> Sequence[int]:
    """From first to last, ten times as many each."""
    found = [first]
    while found[-1] < last:
        found.append(10 * found[-1])
    return found


AXES = {
    "side": Axis(f"Side of the pictures, batches of {SMALL_BATCH}", "pixels", _sides),
    "width": Axis("Channels at the finest side (`--width`)", "channels", _widths),
    "batch": Axis("Batch", "images", _batches),
    "attributes": Axis("Attributes of synthetic_garments", "attributes", _attributes),
    "devices": Axis(
        f"Virtual devices of the same cores, batches of {BATCH} in all", "devices", _devices
    ),
    "processes": Axis(
        f"Processes that share the cores, batches of {BATCH} in all", "processes", _processes
    ),
    "resident": Axis(
        f"Pictures of {_SET_SIDE} pixels, on the device, 8 channels",
        "pictures",
        lambda: _sets(False),
    ),
    "streamed": Axis(
        "The same, left in their file and read as they are needed", "pictures", lambda: _sets(True)
    ),
}
