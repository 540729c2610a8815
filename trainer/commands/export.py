"""The export command: a trained network in the formats that others read."""

from __future__ import annotations

import importlib.util
import logging
import shlex
import sys

from trainer import run_layout
from trainer.cloud import local_copies
from trainer.configuration import choices, command_checks
from trainer.configuration.config import ExportConfig
from trainer.runs import checkpoint_choice, in_bucket, stored_runs
from trainer.system import activity, file_system
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)


def run(config: ExportConfig) -> None:
    """Writes the network and prints where."""
    wanted = (*stored_runs.FILES, *_known(config))
    copy = in_bucket.fetch(
        config.job_dir_url, config.job_dir, *wanted, checkpoint=config.checkpoint
    )
    if copy:
        command_checks.check_export(config)  # against what lies in the bucket
    stored = stored_runs.read_generating(config.job_dir, config.checkpoint)
    is_style_based = choices.ARCHITECTURES[stored.recipe.networks.architecture].style_based
    if config.format == "h5" and config.network == "generator" and is_style_based:
        raise command_checks.more_than_layers(config.network)
    file_system.make_folder(config.output.parent, "output")
    if config.format == "onnx":
        _check_onnx()
    from trainer.models import image_noise
    from trainer.runs import export_formats, model_card, trained_networks

    networks = trained_networks.load(stored, config.job_dir, config.checkpoint)
    if config.noise == "input" and not image_noise.size(networks.generator):
        raise RefusedError("--noise=input: this run's generator adds no noise; leave it out")
    activity.now(f"exporting the {config.network}")
    log.info("exporting the %s of %s", config.network, networks.source)
    _say_what_is_replaced(config)
    export_formats.write(networks, config.network, config.format, config.output, config.noise)
    is_folder = config.format == "saved_model"
    # Beside other files a README may be another's, or say how to use another network; who asks for
    # the discriminator knows what it is.
    of_run = config.job_dir / run_layout.model("generator")
    if config.network == "generator" and (is_folder or config.output.resolve() == of_run.resolve()):
        folder = config.output if is_folder else config.output.parent
        noise = "fixed" if is_folder else config.noise
        is_own = checkpoint_choice.belongs_to_run(
            config.job_dir / run_layout.CHECKPOINTS, config.checkpoint
        )
        model_card.write(
            folder,
            config.job_dir if is_own else None,
            stored.preset,
            networks,
            noise,
            in_saved_model=is_folder,
            last_step=max(in_bucket.steps(copy, config.job_dir), default=None),
        )
    in_bucket.add(copy)
    print(local_copies.shown(str(config.output)))


def _say_what_is_replaced(config: ExportConfig) -> None:
    """A finished run's own models are of its last step, with noise built in."""
    own = config.job_dir / run_layout.model(config.network)
    is_another = config.checkpoint != choices.LATEST or config.noise == "input"
    if is_another and config.output == own and own.exists():
        log.warning("%s, the run's own model, is replaced: --output names another file", own)


def _known(config: ExportConfig) -> list[str]:
    """What of a run in a bucket the card is made of, and what is replaced."""
    known = [run_layout.MODEL_CARD, run_layout.EVALUATIONS, run_layout.FINISHED]
    if config.output.is_relative_to(config.job_dir):
        known.append(config.output.relative_to(config.job_dir).as_posix())
    return known


def _check_onnx() -> None:
    if importlib.util.find_spec("tf2onnx") is None:
        raise RefusedError(
            "--format=onnx needs tf2onnx, which is not installed: "
            + shlex.join([sys.executable, "-m", "pip", "install", "onnx", "tf2onnx"])
        )
