"""docs/performance.json, what each part measured, and docs/performance.md, which shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.benchmark import commands_shown, rounds_shown
from scripts.benchmark import record as kept
from scripts.benchmark.record import Part
from trainer.system import file_system

# In the order of the page.
SECTIONS: dict[str, tuple[str, Callable[[Part], str]]] = {
    "contenders": ("The same network, trained by others", rounds_shown.contenders),
    "presets": ("Every preset", rounds_shown.presets),
    "batches": ("A step by its batch", rounds_shown.batches),
    "sizes": ("A step by the size of pictures", rounds_shown.sizes),
    "styles": ("What styles cost", rounds_shown.styles),
    "loop": ("Beside the computation", rounds_shown.loop),
    "around": ("Where a run's time goes", commands_shown.around),
    "startup": ("To the first step", commands_shown.startup),
    "generation": ("Generating", commands_shown.generation),
    "evaluation": ("Evaluating", commands_shown.evaluation),
}
_HEAD = """# Performance, measured

Written by `./scripts/benchmark.sh`, a chapter for each kind of machine; every figure comes from
[{record}]({record}), which has each round. Times and speeds are medians over rounds, with the least
and the most of them in brackets, ratios those of each round's own two; memory is the most of any
round. Those of a table took turns in each round (the presets four at a time, and after the products
of matrices; of the batches and of generating, those of one preset). Minutes apart, the same thing
differs by a tenth on such machines, so a smaller difference between tables, or between two rows
whose brackets overlap, says nothing. A dash for memory: the process had written its own pictures,
and has not been measured apart from that.
"""


def add(record: Path, name: str, measured: Part) -> None:
    """Keeps a part beside those of other kinds of machines, and writes the page again."""
    kept.keep(record, name, measured)
    write(record)


def write(record: Path) -> None:
    """Writes the page beside the record."""
    chapters = [_chapter(kind, parts) for kind, parts in kept.read(record).items()]
    page = "\n".join([_HEAD.format(record=record.name), *chapters])
    file_system.write_text(record.with_suffix(".md"), page)


def _chapter(kind: str, parts: dict[str, Part]) -> str:
    """All that was measured on a kind of machine."""
    shown = [
        f"## {title}\n\n{show(parts[part])}\n{_told(parts[part])}\n"
        for part, (title, show) in SECTIONS.items()
        if part in parts
    ]
    return "\n".join([f"# On {kind}\n\n{_machines(parts)}", *shown])


def _told(part: Part) -> str:
    load = part["machine"]["load_before"]
    told = f"`{part['command']}`; rounds: {part['rounds']}; load of the machine before: {load:.2f}."
    return told + kept.note(part)


def _machines(parts: dict[str, Part]) -> str:
    """What was measured on, and which parts, where they differ."""
    places: dict[str, list[str]] = {}
    for name in SECTIONS:
        if name in parts:
            places.setdefault(_place(parts[name]["machine"]), []).append(name)
    alone = len(places) == 1
    lines = [
        f"- {place}" if alone else f"- {', '.join(names)}: {place}"
        for place, names in places.items()
    ]
    return "\n".join(lines) + "\n"


def _place(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    instructions = "with" if machine["bfloat16"] else "without"
    return (
        f"{machine['processor']} {instructions} instructions for bfloat16, "
        f"{machine['threads']} of {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}; {versions}"
    )
