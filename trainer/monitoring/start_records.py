"""What TensorBoard gets at a run's start: the layout of charts, HParams, a summary in words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import plugin_data_pb2

from trainer.cloud import local_copies
from trainer.configuration import config_json, flags, step_counts
from trainer.configuration.config_json import RunConfig
from trainer.data.datasets import DATASETS
from trainer.data.loading import SOURCES
from trainer.runs import tags

_FIRST = ("generator_learning_rate", "discriminator_learning_rate", "batch_size")  # of HParams
_FIRST_GIVEN = ("architecture", "conditional")  # what defaults of others depend on
_NO_FLAGS = {
    *("train_examples", "test_examples", "image_shape", "fingerprint"),
    *("initialize_from", "ema_ramp_up"),
}


def write_layout() -> None:
    """Writes the charts of TensorBoard's custom scalars: one a question, those of quality first."""
    layout = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=question,
                chart=[
                    layout_pb2.Chart(
                        title=title,
                        multiline=layout_pb2.MultilineChartContent(
                            tag=[f"^{tags.pattern(tag)}$" for tag in shown]
                        ),
                    )
                    for title, shown in charts.items()
                ],
            )
            for question, charts in tags.QUESTIONS.items()
        ]
    )
    content = custom_scalar.pb(layout).SerializeToString()
    tf.summary.experimental.write_raw_pb(content, step=0)


def write_hyperparameters(run: RunConfig, job_dir: Path) -> None:
    """Writes the run as a trial of its own, with its quality."""
    values = config_json.flag_values(run.recipe)
    shown = {
        name: str(tuple(value)) if isinstance(value, list | dict) else value
        for name, value in values.items()
    }
    metrics = [
        hparams.Metric(tags.BEST_DISTANCE, display_name="Fréchet, best"),
        hparams.Metric(tags.LAST_DISTANCE, display_name="Fréchet, last"),
    ]
    _write_hparams_config([hparams.HParam(name) for name in shown], metrics)
    hparams.hparams(shown, trial_id=local_copies.shown(str(job_dir)))


def _write_hparams_config(
    names: Sequence[hparams.HParam], metrics: Sequence[hparams.Metric]
) -> None:
    """As `hparams_config`, and in the order of interest.

    TensorBoard shows by name, after those that differ between runs: so those are to.
    """
    summary = hparams.hparams_config_pb(names, metrics)
    plugin_data = summary.value[0].metadata.plugin_data
    content = plugin_data_pb2.HParamsPluginData.FromString(plugin_data.content)
    for info in content.experiment.hparam_infos:
        info.differs = info.name in _FIRST
    plugin_data.content = content.SerializeToString()
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=0)


def write_summary(run: RunConfig) -> None:
    """Writes what the run is in words, the command that repeats it, and the whole configuration."""
    recipe = run.recipe
    shape = "x".join(map(str, recipe.data.image_shape))
    rows = {
        "preset": run.preset,
        "data": f"{recipe.data.dataset}, {recipe.data.train_examples} images of {shape}",
        "networks": f"{recipe.networks.architecture}, latents of {recipe.networks.noise_dim}",
        "loss": recipe.objective.loss,
        "batch": str(recipe.batch_size),
        "steps": str(step_counts.total_steps(recipe, run.schedule)),
        "precision": recipe.precision,
    }
    table = "\n".join(
        ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())]
    )
    repeated = f"to repeat the run:\n\n```\n{command(run)}\n```"
    if missing := _missing(run):
        repeated += f"\n\nwith {', and '.join(missing)}"
    tf.summary.text("summary", f"{table}\n\n{repeated}")
    tf.summary.text("configuration", f"```\n{config_json.to_json(run)}\n```")


def _missing(run: RunConfig) -> list[str]:
    """What the command lacks, for nothing of a run says it."""
    of_folder = ["`--data_dir` of the pictures, and the flags with which they were read"]
    of_source = ["`--initialize_from` of the run that it started from"]
    recipe = run.recipe
    return of_folder * bool(recipe.data.folder) + of_source * bool(recipe.initialize_from)


def command(run: RunConfig) -> str:
    """The command that repeats a run: its preset, and what is not the preset's.

    Of pictures of one's own, the flags that say where they lie and how they are read are to be
    added; see `_missing`.
    """
    steps, data = step_counts.total_steps(run.recipe, run.schedule), run.recipe.data
    arguments = [f"--preset={run.preset}", f"--dataset={data.dataset}"]
    if SOURCES[data.dataset].is_resized:
        arguments += [f"--image_size={data.image_shape[0]}"]
    known = DATASETS.get(data.dataset)
    if known and known.attributes != data.attributes:
        arguments += [f"--attributes={','.join(each.name for each in data.attributes)}"]
    arguments += _given(run, arguments)
    return shlex.join(
        ["fashion-gan", "train", "--job_dir=runs/again", *arguments, f"--steps={steps}"]
    )


def _given(run: RunConfig, arguments: list[str]) -> list[str]:
    """The flags that make the recipe of these arguments the run's.

    First those that others depend on: defaults follow the architecture, and what it has.
    """
    wanted = {
        name: value
        for name, value in config_json.flag_values(run.recipe).items()
        if name not in _NO_FLAGS and not isinstance(value, list | dict)
    }
    given: dict[str, str] = {}
    while True:
        command = ["train", "--job_dir=x", *arguments, *given.values()]
        now = config_json.flag_values(flags.train_on(run.recipe.data, command).recipe)
        different = [name for name in wanted if now[name] != wanted[name] and name not in given]
        if not different:
            return list(given.values())
        for name in [name for name in different if name in _FIRST_GIVEN] or different:
            given[name] = f"--{name}={str(wanted[name]).lower()}"
