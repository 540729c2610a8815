"""What whole commands took, as sections of the page."""

from __future__ import annotations

import statistics

from scripts.benchmark.record import Part
from scripts.benchmark.tables import spread, table

_STARTS = {
    "cold": "cold",
    "warm": "warm",
    "resumed": "resumed, warm",
}


def startup(part: Part) -> str:
    """A row a way to start."""
    rounds = part["results"]["rounds"]
    forgotten = statistics.median(each["forgotten_mib"] for each in rounds)
    rows = _of_commands(_STARTS, rounds, "first_step_seconds")
    told = (
        "Seconds from `fashion-gan train --steps=1 --evaluation_interval=0` at the defaults to the "
        "log's line of the first step, and to the command's end, with which come a checkpoint, "
        "models and pictures. "
        "*Cold*: before it, the kernel was asked, by `posix_fadvise` on each file, to drop those "
        "of Python, of all its packages, of the trainer and of the data from memory "
        f"({forgotten:,.0f} MiB went); what another process has mapped stays, parts of "
        "TensorFlow's library among it, which the benchmark has in use, and so do directory "
        "entries and the disk's own cache: after a reboot it takes longer. *Resumed*: the same run "
        "with `--steps=2`.\n\n"
    )
    return told + table(["", "first step, s", "whole command, s", "MiB"], rows)


def _of_commands(labels: dict[str, str], rounds: list[Part], first: str) -> list[list[str]]:
    """A row a command: what is named first, the seconds of the whole, and its memory."""
    return [
        [
            label,
            *(spread([each[name][key] for each in rounds], 1) for key in (first, "seconds")),
            f"{max(each[name]['memory_mib'] for each in rounds):,.0f}",
        ]
        for name, label in labels.items()
    ]


def around(part: Part) -> str:
    """A row a kind of pause."""
    results = part["results"]
    loops = results["loops"]
    training = sum(each["training_seconds"] for each in loops)
    other = sum(each["other_seconds"] for each in loops)
    total = training + other
    rows = [["training", str(len(loops)), f"{training:.1f}", f"{training / total:.2%}"]]
    for due in sorted({tuple(each["due"]) for each in loops}):
        seconds = [each["other_seconds"] for each in loops if tuple(each["due"]) == due]
        label = " and ".join(due) or "records and progress alone"
        rows.append(
            [label, str(len(seconds)), f"{sum(seconds):.1f}", f"{sum(seconds) / total:.2%}"]
        )
    told = (
        f"One run of {results['steps']:,} steps at the defaults, but with a checkpoint every "
        f"{results['steps_between_saves']:,} steps, which are more than by default, from its own "
        "records: the time of each loop in training, its host feeding included, and the time "
        "between, by what was due then; every loop has its records, too. The first loop, "
        "which traces, is left out, and so "
        f"is what comes after the last. Outside of training: {other / total:.2%}. "
        f"The process had {results['run']['memory_mib']:,.0f} MiB at most.\n\n"
    )
    return told + table(["", "loops", "seconds", "share"], rows)


def generation(part: Part) -> str:
    """A row a preset."""
    results = part["results"]
    images, few = results["images"], results["few"]
    rows = []
    for preset, rounds in results.items():
        if preset in ("images", "few"):
            continue
        whole = [images / each["many"]["seconds"] for each in rounds]
        seconds = [each["many"]["seconds"] - each["few"]["seconds"] for each in rounds]
        memory = max(each["many"]["memory_mib"] for each in rounds)
        later = [(images - few) / max(each, 1e-9) for each in seconds]
        start = spread([each["few"]["seconds"] for each in rounds], 1)
        rows.append([preset, start, spread(whole), spread(later), f"{memory:,.0f}"])
    told = (
        f"`fashion-gan generate --num={images} --output=x.npz` of a run of that preset: its start, "
        f"which is the time of {few} images; images a second of the whole command, and without the "
        "start. Compressing the file is included.\n\n"
    )
    head = ["preset", "start, s", "images/s, whole command", "images/s, without the start", "MiB"]
    return told + table(head, rows)


_EVALUATIONS = {
    "cold": "`--nocas`, an empty `--cache_dir`",
    "warm": "`--nocas`, again",
    "whole": "with the classifier that learns from the fakes",
}


def evaluation(part: Part) -> str:
    """A row a way to evaluate."""
    rounds = part["results"]["rounds"]
    rows = _of_commands(_EVALUATIONS, rounds, "cpu_seconds")
    told = (
        "`fashion-gan evaluate` of the default 10,000 images of a run of the default preset: "
        "seconds of the processor, over all cores, and on the clock.\n\n"
    )
    return told + table(["", "CPU-s", "s", "MiB"], rows)
