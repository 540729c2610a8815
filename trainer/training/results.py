"""The results of a run that has ended: models, curves, pictures; the last of them marks its end."""

from __future__ import annotations

from pathlib import Path

from trainer import run_layout
from trainer.configuration.choices import LATEST, NETWORKS
from trainer.configuration.config import Recipe
from trainer.monitoring import curves
from trainer.monitoring.model_monitor import ModelMonitor
from trainer.runs import export_formats, model_card, trained_networks
from trainer.training import edited_samples


def unmark(job_dir: Path) -> None:
    """Takes the mark of a finished run away; its results stay until the first save."""
    if (job_dir / run_layout.FINISHED).exists():
        (job_dir / run_layout.OF_AN_END).touch()
        (job_dir / run_layout.FINISHED).unlink()


def remove(job_dir: Path) -> None:
    """Removes the results of an earlier end, once the run has gone on.

    Anything else in their places was asked for while the run trains, by `export` or `plot`.
    """
    if (job_dir / run_layout.OF_AN_END).exists():
        last = (job_dir / name for name in (run_layout.LOSS_CURVES, run_layout.FINISHED))
        for path in (*_models(job_dir), *last):
            path.unlink(missing_ok=True)
        (job_dir / run_layout.OF_AN_END).unlink()


def is_finished(job_dir: Path) -> bool:
    """Whether all results are there that do not only inform."""
    return all(path.exists() for path in [*_models(job_dir), job_dir / run_layout.FINISHED])


def finish(job_dir: Path, preset: str, recipe: Recipe, monitor: ModelMonitor) -> None:
    """Writes models and their card, curves and, last, the picture, which nothing else writes."""
    networks = trained_networks.restore(recipe, job_dir, LATEST)
    (job_dir / run_layout.OF_AN_END).parent.mkdir(exist_ok=True)  # someone may have removed it
    (job_dir / run_layout.OF_AN_END).touch()  # what follows is, also if a kill comes
    for name in NETWORKS:
        export_formats.write(networks, name, "keras", job_dir / run_layout.model(name))
    curves.draw(job_dir)  # but where someone has removed the records
    model_card.write(job_dir / run_layout.MODELS, job_dir, preset, networks, is_ending=True)
    monitor.draw_edits(networks.step, edited_samples.pictures(networks))
    monitor.flush()  # nothing is missing once the last picture is there
    monitor.draw_final_grid(networks.step)
    (job_dir / run_layout.OF_AN_END).unlink()


def _models(job_dir: Path) -> list[Path]:
    return [job_dir / run_layout.model(name) for name in NETWORKS]
