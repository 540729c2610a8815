"""What was measured in rounds, as sections of the page."""

from __future__ import annotations

import statistics
from typing import Any

from scripts.benchmark.contenders import OURS
from scripts.benchmark.record import Part
from scripts.benchmark.tables import DASH, escaped, spread, table

Result = dict[str, Any]

_GEMM = "gemm "  # how names of products of matrices begin
_WHAT_A_SHARE_IS = """The share of the peak is the multiplications that an update asks for (see
`scripts/benchmark/work.py`) in the median time, divided by what products of square matrices reach
in the same precision. They are counted as is usual, with those by the zeros around an image, which
need not be done; the column *inside* leaves them out. {peaks}.
"""
_IN_FLOAT32 = (
    "XLA computes convolutions in bfloat16 by float32 on a processor (jax, keras_fit_xla).\n"
)


def contenders(part: Part) -> str:
    """A table a precision."""
    sections = [
        "The network, batch and update of TensorFlow's DCGAN tutorial, see "
        "`scripts/benchmark/contenders`. Each has a process of its own, and feeds itself from the "
        "60,000 images of Fashion-MNIST. "
        "Memory is the most that the process has had; the first step counts from the process's "
        "start and includes imports and compilation.\n"
    ]
    for precision, results in part["results"].items():
        peaks = _WHAT_A_SHARE_IS.format(peaks=_peaks(results))
        on_cpu = part["machine"]["device"] == "cpu"
        note = _IN_FLOAT32 if on_cpu and precision == "bfloat16" else ""
        sections.append(f"### {precision}\n\n{peaks}{note}")
        sections.append(_compared(results))
    return "\n".join(sections)


def _compared(results: dict[str, Result]) -> str:
    head = ["", "images/s", "of ours", "of the peak", "inside"]
    head += ["CPU-s per 1000 images", "MiB", "first step"]
    ours = _images_a_second(results[OURS])
    rows = []
    for name, result in results.items():
        if name.startswith(_GEMM):
            continue
        label = f"{name}: {result['what']}"
        if "reason" in result:
            rows.append([label, f"not measured: {escaped(result['reason'])}"])
            continue
        speed = _images_a_second(result)
        ratio = spread(_ratios(speed, ours), 2) if ours else DASH
        images = result["steps"] * result["images_a_step"]
        cpu = statistics.median(each["cpu_seconds"] for each in result["rounds"])
        rows.append(
            [
                label,
                spread(speed),
                ratio,
                *_shares(result, results),
                f"{1000 * cpu / images:.2f}",
                _memory(result),
                f"{result['first_step_seconds']:.0f} s",
            ]
        )
    return table(head, rows)


def presets(part: Part) -> str:
    """A row a preset."""
    results = part["results"]
    head = ["preset", "precision", "batch", "images/s", "MFLOP an image"]
    head += ["of the peak", "inside", "MiB"]
    rows = []
    for name, result in results.items():
        if name.startswith(_GEMM):
            continue
        known = [name, result["precision"], str(result["batch_size"])]
        if "reason" in result:
            rows.append([*known, f"not measured: {escaped(result['reason'])}"])
            continue
        flop = 2 * result["multiply_adds"] / result["images_a_step"]
        rows.append(
            [
                *known,
                spread(_images_a_second(result)),
                f"{flop / 1e6:,.0f}",
                *_shares(result, results),
                _memory(result),
            ]
        )
    told = (
        "Each preset as it is, on one device, fed as in a run; `own`, which is for coloured "
        "pictures of 64 pixels, on such, without labels. Images are those of the data "
        "set, of which some recipes show several batches to the discriminator in a step. A "
        "penalty is computed in float32, also where the rest is not: a fourth of the rounds of "
        "`fashion`.\n\n"
    )
    return told + _WHAT_A_SHARE_IS.format(peaks=_peaks(results)) + "\n" + table(head, rows)


def batches(part: Part) -> str:
    """A row a batch, columns a preset."""
    by_preset = part["results"]
    head, rows = ["batch"], []
    for preset, results in by_preset.items():
        precision = next(iter(results.values()))["precision"]
        head += [f"{preset}, {precision}: ms a step", "images/s", "MiB"]
    for batch in next(iter(by_preset.values())):
        row = [batch]
        for results in by_preset.values():
            result = results[batch]
            if "reason" in result:
                row += [f"not measured: {escaped(result['reason'])}", DASH, DASH]
                continue
            speed = statistics.median(_images_a_second(result))
            row += [spread(_milliseconds(result), 1), f"{speed:,.0f}", _memory(result)]
        rows.append(row)
    return "A training step of the preset at other batches, on one device.\n\n" + table(head, rows)


def sizes(part: Part) -> str:
    """A row a size."""
    head = ["side", "batch", "GFLOP an image", "images/s", "streamed", "feeding, of a step"]
    head += ["streamed", "MiB", "first step"]
    rows = []
    for side, results in part["results"].items():
        step = results["step resident"]
        reasons = [result["reason"] for result in results.values() if "reason" in result]
        if reasons:
            rows.append([side, str(step["batch_size"]), f"not measured: {escaped(reasons[0])}"])
            continue
        flop = 2 * step["multiply_adds"] / step["images_a_step"]
        row = [side, str(step["batch_size"]), f"{flop / 1e9:,.2f}"]
        row += [
            spread(_images_a_second(results[f"step {where}"]), 1)
            for where in ("resident", "streamed")
        ]
        row += [_share_of_feeding(results, where) for where in ("resident", "streamed")]
        rows.append([*row, _memory(step), f"{step['first_step_seconds']:.0f} s"])
    told = (
        "The default preset without labels, on pictures in colour that are on the device, or in a "
        "file of 256 MiB of which each loop's are read and sent. Feeding alone is order, reading "
        "and sending; in training the next loop's pictures are read while the step is computed.\n\n"
    )
    return told + table(head, rows)


def styles(part: Part) -> str:
    """A row a size and architecture."""
    results = part["results"]
    head = ["side", "architecture", "precision", "MFLOP an image", "images/s"]
    head += ["time of `fashion`", "of the peak", "inside"]
    rows: list[list[str]] = []
    plain: list[float] = []
    for name, result in results.items():
        if name.startswith(_GEMM):
            continue
        known = [*name.split(), result["precision"]]
        if "reason" in result:
            rows.append([*known, f"not measured: {escaped(result['reason'])}"])
            continue
        times = _milliseconds(result)
        plain = times if name.endswith(" fashion") else plain
        flop = 2 * result["multiply_adds"] / result["images_a_step"]
        speed, shares = spread(_images_a_second(result)), _shares(result, results)
        ratio = spread(_ratios(times, plain), 2)
        rows.append([*known, f"{flop / 1e6:,.0f}", speed, ratio, *shares])
    told = (
        "The default preset without labels, on pictures in colour: with the layers of `fashion`, "
        "and with the same, modulated by styles.\n\n"
    )
    return told + _WHAT_A_SHARE_IS.format(peaks=_peaks(results)) + "\n" + table(head, rows)


def _share_of_feeding(results: dict[str, Result], where: str) -> str:
    feeding, step = (
        statistics.median(_milliseconds(results[f"{what} {where}"])) for what in ("feeding", "step")
    )
    return f"{feeding / step:.2%}"


_LOOP = {
    "feeding": "order and sending of a default batch, of many steps at once",
    "empty": "a round of the outer loop around a training that does nothing and records nothing",
    "recorded": "the same with its records: TensorBoard, metrics.jsonl, progress",
    "smallest/1": "a step of the smallest network, `mlp` on one image, in loops of 1 step",
    "smallest/100": "the same in loops of 100 steps",
}


def loop(part: Part) -> str:
    """A row a kind of cost."""
    rows = []
    for name, what in _LOOP.items():
        result = part["results"][name]
        if "reason" in result:
            rows.append([what, f"not measured: {escaped(result['reason'])}"])
            continue
        rows.append([what, spread([1e3 * each for each in _milliseconds(result)], 1)])
    told = (
        "What a step costs beside its computation. A loop takes about two seconds unless "
        "`--steps_per_loop` says otherwise, and is one round, however many steps it has. The "
        "smallest network's step is itself small kernels, so its time is an upper bound of what "
        "the graph costs a step; loops of 1 step add the way in and out of it, and feeding.\n\n"
    )
    return told + table(["", "µs"], rows)


def _ratios(values: list[float], others: list[float]) -> list[float]:
    """Of each round's own two: what changes the machine for a while changes both."""
    return [value / other for value, other in zip(values, others, strict=True)]


def _peaks(results: dict[str, Result]) -> str:
    """What products of matrices reach, by precision."""
    precisions = dict.fromkeys(result["precision"] for result in results.values())
    told = []
    for precision in precisions:
        rates = _products(results, precision)
        if rates:
            best = max(rates, key=lambda name: rates[name])
            size = best.removeprefix(_GEMM).split()[0]
            told.append(f"{precision}: {rates[best] / 1e9:,.0f} GFLOP/s, at {size} x {size}")
    return "; ".join(told) or "Products could not be measured"


def _products(results: dict[str, Result], precision: str) -> dict[str, float]:
    """Operations a second of products of matrices: medians by name."""
    return {
        name: statistics.median(_operations_a_second(result))
        for name, result in results.items()
        if name.startswith(_GEMM) and result["precision"] == precision and "reason" not in result
    }


def _shares(result: Result, results: dict[str, Result]) -> tuple[str, str]:
    """Of the peak in its precision: of all multiplications, and of those inside."""
    rates = _products(results, result["precision"])
    if not rates:
        return DASH, DASH
    share = statistics.median(_operations_a_second(result)) / max(rates.values())
    inside = share * result["without_margins"] / result["multiply_adds"]
    return f"{share:.0%}", f"{inside:.0%}"


def _operations_a_second(result: Result) -> list[float]:
    work = 2 * result["steps"] * result["multiply_adds"]
    return [work / each["seconds"] for each in result["rounds"]]


def _images_a_second(result: Result) -> list[float]:
    """Of each round; none where there is a reason why not."""
    if "reason" in result:
        return []
    images = result["steps"] * result["images_a_step"]
    return [images / each["seconds"] for each in result["rounds"]]


def _milliseconds(result: Result) -> list[float]:
    return [1e3 * each["seconds"] / result["steps"] for each in result["rounds"]]


def _memory(result: Result) -> str:
    if any("memory_mib" not in each for each in result["rounds"]):
        return DASH
    return f"{max(each['memory_mib'] for each in result['rounds']):,.0f}"
