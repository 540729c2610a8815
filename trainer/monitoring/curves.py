"""Loss curves as a picture, from a run's own records."""

from __future__ import annotations

from pathlib import Path

from trainer.runs import file_names, records
from trainer.system import file_system
from trainer.system.exits import RefusedError


def draw(job_dir: Path) -> Path:
    """Draws `results/loss_curves.png` and returns its path.

    Raises:
      RefusedError: the run has no records.
    """
    drawn = [tag for tags in records.CHARTS.values() for tag in tags]
    lines = records.read_lines(job_dir / file_names.METRICS_FILE, *drawn)
    lines = [line for line in lines if all(type(line[tag]) in (int, float) for tag in drawn)]
    if not lines:
        raise RefusedError(f"{job_dir / file_names.METRICS_FILE} holds no records: train first")
    from matplotlib.figure import Figure  # takes half a second, which training need not wait for

    steps = [line["step"] for line in lines]
    figure = Figure(figsize=(8, 6), layout="constrained")
    for axes, (title, tags) in zip(
        figure.subplots(len(records.CHARTS), sharex=True), records.CHARTS.items(), strict=True
    ):
        for tag in tags:
            axes.plot(steps, [line[tag] for line in lines], label=tag, linewidth=1)
        axes.set_ylabel(title)
        axes.grid(alpha=0.3)
        axes.legend()
    axes.set_xlabel("step")
    path = job_dir / "results" / "loss_curves.png"
    file_system.write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))
    return path
