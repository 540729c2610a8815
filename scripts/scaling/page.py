"""docs/scaling.json, what was measured, and docs/scaling.md and a picture, which show it."""

from __future__ import annotations

import statistics
from pathlib import Path

from scripts.benchmark import record as kept
from scripts.benchmark.record import Part
from scripts.benchmark.tables import DASH, escaped, table
from scripts.scaling import exponents
from scripts.scaling.axes import AXES
from trainer.system import file_system

LENGTH = "length"  # the part that is not an axis of steps
_HEAD = """# How cost grows

Written by `python -m scripts.scaling`, a chapter for each kind of machine; every figure comes from
[{record}]({record}). Steps are those of the default preset in float32, on pictures in colour. Times
are medians over rounds in which the values of an axis take turns. The exponent is that of the power
of the value that time grows with: *theory* from the multiplications of a step
(`scripts/benchmark/work.py`), *found* from the time. Where theory is less than what was found,
something costs more than it multiplies; where it is more, what stands around the multiplications is
still a part of the small values' time. A dash: the process had written its own pictures, and its
memory has not been measured apart from that.
"""


def add(record: Path, name: str, measured: Part) -> None:
    """Keeps a part, and writes the page and the picture again."""
    kinds = kept.keep(record, name, measured)
    chapters = [_chapter(kind, parts, record) for kind, parts in kinds.items()]
    page = "\n".join([_HEAD.format(record=record.name), *chapters])
    file_system.write_text(record.with_suffix(".md"), page)


def _chapter(kind: str, parts: dict[str, Part], record: Path) -> str:
    picture = record.with_name(f"{record.stem}_{kind}.png")
    _draw(parts, picture)
    machine = next(iter(parts.values()))["machine"]
    place = f"{machine['processor']}, {machine['threads']} of {machine['cores']} cores"
    sections = [f"# On {kind}\n\n{place}.\n\n![Time of a step]({picture.name})\n"]
    rows = [
        [AXES[name].title, f"{exponents.of_work(found):.2f}", f"{exponents.of_time(found):.2f}"]
        for name, found in _axes(parts).items()
    ]
    sections.append(table(["", "theory", "found"], rows))
    sections += [_section(name, parts[name]) for name in AXES if name in parts]
    if LENGTH in parts:
        sections.append(_lengths(parts[LENGTH]))
    return "\n".join(sections)


def _axes(parts: dict[str, Part]) -> dict[str, Part]:
    """Answers by axis, without those that could not be measured."""
    found = {}
    for name in AXES:
        answers = parts.get(name, {}).get("results", {})
        good = {value: each for value, each in answers.items() if "reason" not in each}
        if good:
            found[name] = good
    return found


def _section(name: str, part: Part) -> str:
    axis, rows = AXES[name], []
    for value, answer in part["results"].items():
        label = f"{int(value):,}"
        if "reason" in answer:
            rows.append([label, f"not measured: {escaped(answer['reason'])}"])
            continue
        took = exponents.seconds(answer)
        cpu = statistics.median(each["cpu_seconds"] for each in answer["rounds"])
        memory = [each["memory_mib"] for each in answer["rounds"] if "memory_mib" in each]
        row = [label, f"{1e3 * took:,.1f}", f"{answer['images_a_step'] / took:,.0f}"]
        row += [f"{1e3 * cpu / answer['steps']:,.0f}", f"{max(memory):,.0f}" if memory else DASH]
        rows.append(row)
    head = [axis.unit, "ms a step", "images/s", "CPU-ms a step", "MiB"]
    return f"## {axis.title}\n\n{table(head, rows)}\n{_told(part)}"


def _lengths(part: Part) -> str:
    rows = [
        [
            f"{int(steps):,}",
            f"{each['seconds']:.0f}",
            f"{each['resumed_seconds']:.1f}",
            f"{each['metrics_bytes'] / 1e3:,.0f}",
            f"{each['event_bytes'] / 1e3:,.0f}",
            f"{each['checkpoint_bytes'] / 1e3:,.0f}",
            f"{each['others_bytes'] / 1e3:,.0f}",
        ]
        for steps, each in part["results"].items()
    ]
    head = ["steps", "seconds", "taken up for one more, s", "metrics.jsonl, kB"]
    head += ["TensorBoard, kB", "last checkpoint, kB", "sent with it, kB"]
    told = (
        "`mlp` on batches of 8: the whole run, and the same command with a step more, which starts "
        "TensorFlow, reads the run, trains, saves, ends. The last two columns are what a bucket is "
        "sent at the run's last checkpoint: that, and of records and pictures what has changed.\n"
    )
    return f"## Length of a run\n\n{told}\n{table(head, rows)}\n{_told(part)}"


def _told(part: Part) -> str:
    load = part["machine"]["load_before"]
    return f"`{part['command']}`; load of the machine before: {load:.2f}.{kept.note(part)}\n"


def _draw(parts: dict[str, Part], path: Path) -> None:
    """Time of a step over each value, both as logarithms, in multiples of the least value's."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, answers in _axes(parts).items():
        values = [float(value) for value in answers]
        times = [exponents.seconds(each) for each in answers.values()]
        relative = [value / values[0] for value in values]
        label = f"{name}: {exponents.of_time(answers):.2f}"
        axes.plot(relative, [each / times[0] for each in times], "o-", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("value, in multiples of the least")
    axes.set_ylabel("time of a step, likewise")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()
    file_system.write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=100))
