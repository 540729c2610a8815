"""The export command: a trained network in the formats that others read."""

from __future__ import annotations

import logging

from trainer import run_layout
from trainer.cloud import local_copies
from trainer.configuration.config import ExportConfig
from trainer.runs import in_bucket, stored_runs
from trainer.system import activity, file_system

log = logging.getLogger(__name__)


def run(config: ExportConfig) -> None:
    """Writes the network and prints where."""
    copy = None
    if config.job_dir_url:
        of_card = (run_layout.MODEL_CARD, run_layout.EVALUATIONS, run_layout.FINISHED)
        copy = in_bucket.fetch(config.job_dir_url, config.job_dir, *stored_runs.FILES, *of_card)
    stored = stored_runs.read_generating(config.job_dir, config.checkpoint)
    from trainer.runs import export_formats, model_card, trained_networks

    networks = trained_networks.load(config.job_dir, config.checkpoint)
    file_system.make_folder(config.output.parent, "output")
    activity.now(f"exporting the {config.network}")
    log.info("exporting the %s of %s", config.network, networks.source)
    export_formats.write(networks, config.network, config.format, config.output, config.noise)
    is_folder = config.format == "saved_model"
    folder = config.output if is_folder else config.output.parent
    # Elsewhere a README may be another's; who asks for the discriminator knows what it is; and the
    # card beside a run's models says how to use the generator.keras that is there.
    of_run = folder == config.job_dir / run_layout.MODELS
    shows = config.format == "keras" or not (folder / model_card.FILE).exists()
    if config.network == "generator" and (is_folder or (of_run and shows)):
        noise = config.noise if config.format == "keras" else "fixed"
        model_card.write(folder, config.job_dir, stored.preset, networks, noise)
    if copy:
        in_bucket.add(copy)
    print(local_copies.shown(str(config.output)))
