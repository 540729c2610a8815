"""Runs as a first start leaves them: without a training, which takes longer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from trainer import run_layout
from trainer.configuration import config_json, flags, resume
from trainer.gan.state import FashionGAN
from trainer.models import forms
from trainer.runs.checkpoints import Checkpoints


def untrained(job_dir: Path, *given: str, step: int = 2) -> Path:
    """Writes a run's configuration and a checkpoint of its initial weights.

    Args:
      job_dir: the run directory.
      given: flags of `train`.
      step: of the checkpoint.
    """
    asked = flags.train(["train", f"--job_dir={job_dir}", *given, "--precision=float32"])
    run = resume.configured(asked, None)
    execution = dataclasses.replace(run.execution, jit_compile=False, forms="library")
    run = dataclasses.replace(run, execution=execution, environment={})
    forms.use("library")
    gan = FashionGAN(run.recipe, run.horizon)
    gan.step.assign(step)
    Checkpoints(job_dir / run_layout.CHECKPOINTS, gan.state(), 1).save(step)
    (job_dir / run_layout.CONFIG).write_text(config_json.to_json(run))
    return job_dir
