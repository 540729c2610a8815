"""Every flag, and the way from flags to configurations. Nothing else reads flags.

Each command has its own `absl.flags.FlagValues`, so that its `--help` shows its own flags.
A preset is a flag file that is read before the command line: what the user gives wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from absl import flags

from trainer import config, presets
from trainer.data import DATASETS
from trainer.exits import RefusedError

MOST = 10**9  # more steps, images or the like than any run can have


class HelpRequested(Exception):
    """The user asked for help; the message is the help."""


def train(argv: Sequence[str]) -> config.Config:
    """The configuration of `train`. `argv` starts with the command's name."""
    preset = presets.arguments(_parse(argv, _define_train).preset)
    values = _parse([argv[0], *preset, *argv[1:]], _define_train)
    resolved = config.Config(
        preset=values.preset,
        job_dir=_path(values, "job_dir"),
        data_dir=_path(values, "data_dir"),
        recipe=_recipe(values),
        schedule=_schedule(values),
        runtime=config.Runtime(
            strategy=values.strategy,
            virtual_devices=values.virtual_devices,
            threads=values.threads or available_cores(),
            deterministic=values.deterministic,
        ),
        dry_run=values.dry_run,
    )
    config.check(resolved)
    return resolved


def generate(argv: Sequence[str]) -> config.SampleConfig:
    """The configuration of `generate`."""
    values = _parse(argv, _define_generate)
    resolved = config.SampleConfig(
        job_dir=_path(values, "job_dir"),
        output=_path(values, "output"),
        num=values.num,
        seed=values.seed,
        checkpoint=values.checkpoint,
    )
    config.check_sample(resolved)
    return resolved


def export(argv: Sequence[str]) -> config.ExportConfig:
    """The configuration of `export`."""
    values = _parse(argv, _define_export)
    job_dir = _path(values, "job_dir")
    name = values.network + config.EXPORT_SUFFIXES[values.format]
    resolved = config.ExportConfig(
        job_dir=job_dir,
        output=job_dir / "models" / name if values.output is None else _path(values, "output"),
        format=values.format,
        network=values.network,
        checkpoint=values.checkpoint,
    )
    config.check_export(resolved)
    return resolved


def plot(argv: Sequence[str]) -> config.PlotConfig:
    """The configuration of `plot`."""
    return config.PlotConfig(job_dir=_path(_parse(argv, _define_job_dir), "job_dir"))


def prepare_data(argv: Sequence[str]) -> config.PrepareConfig:
    """The configuration of `prepare_data`."""
    values = _parse(argv, _define_prepare_data)
    return config.PrepareConfig(
        dataset=values.dataset,
        data_dir=_path(values, "data_dir"),
        source=None if values.source is None else _path(values, "source"),
    )


def no_flags(argv: Sequence[str]) -> None:
    """For a command without flags."""
    _parse(argv, lambda _: None)


def available_cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _recipe(values: flags.FlagValues) -> config.Recipe:
    return config.Recipe(
        dataset=values.dataset,
        architecture=values.architecture,
        noise_dim=values.noise_dim,
        dropout=values.dropout,
        batch_size=values.batch_size,
        generator_learning_rate=values.generator_learning_rate,
        discriminator_learning_rate=values.discriminator_learning_rate,
        precision=values.precision,
        seed=values.seed,
    )


def _schedule(values: flags.FlagValues) -> config.Schedule:
    return config.Schedule(
        epochs=values.epochs,
        steps=values.steps,
        save_interval=values.save_interval,
        checkpoint_interval=values.checkpoint_interval,
        keep_checkpoints=values.keep_checkpoints,
        steps_per_loop=values.steps_per_loop,
    )


def _parse(argv: Sequence[str], define: Callable[[flags.FlagValues], None]) -> flags.FlagValues:
    """Parses `argv` into new flag values.

    Raises:
      RefusedError: an unknown flag, a bad value, a required flag missing, a stray argument.
      HelpRequested: `--help` stands among the arguments.
    """
    values = flags.FlagValues()
    define(values)
    if {"--help", "-help", "-h", "--helpfull"} & set(argv):
        raise HelpRequested(values.get_help(include_special_flags=False))
    try:
        stray = values(list(argv))[1:]
    except (flags.Error, UnicodeError) as error:
        raise RefusedError(" ".join(str(error).split())) from error
    if stray:
        raise RefusedError(f"stray argument {stray[0]!r}: flags are written --name=value")
    return values


def _path(values: flags.FlagValues, name: str) -> Path:
    """A flag's local path.

    Raises:
      RefusedError: it is empty, a URL, of an unknown user, or a pattern.
    """
    value = values[name].value
    if not value:
        raise RefusedError(f"--{name} must not be empty")
    if "://" in value:
        raise RefusedError(f"--{name}={value} must be a local path")
    if set("*?[") & set(value):
        # TensorFlow deletes old checkpoints by pattern.
        raise RefusedError(f"--{name}={value} must not contain any of * ? [")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise RefusedError(f"--{name}={value}: {error}") from error


def _default_data_dir() -> str:
    return os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"


class _Group:
    """Defines flags that stand together in a command's `--help`."""

    def __init__(self, values: flags.FlagValues, name: str) -> None:
        self._where = {"flag_values": values, "module_name": name}

    def text(self, name: str, default: str | None, text: str, required: bool = False) -> None:
        flags.DEFINE_string(name, default, text, required=required, **self._where)

    def integer(
        self, name: str, default: int | None, text: str, lowest: int, highest: int = MOST
    ) -> None:
        flags.DEFINE_integer(name, default, text, lowest, highest, **self._where)

    def number(self, name: str, text: str) -> None:
        flags.DEFINE_float(name, None, text, **self._where)

    def choice(self, name: str, default: str | None, choices: Iterable[str], text: str) -> None:
        flags.DEFINE_enum(name, default, list(choices), text, **self._where)

    def switch(self, name: str, default: bool, text: str) -> None:
        flags.DEFINE_boolean(name, default, text, **self._where)


def _define_job_dir(values: flags.FlagValues) -> None:
    _Group(values, "run").text("job_dir", None, "The run directory.", required=True)


def _define_checkpoint(values: flags.FlagValues) -> None:
    text = "latest, a step, or a path without suffix."
    _Group(values, "run").text("checkpoint", "latest", text)


def _define_data(values: flags.FlagValues) -> None:
    data = _Group(values, "data")
    text = "The data set; synthetic is drawn in code."
    data.choice("dataset", "fashion_mnist", DATASETS, text)
    text = "Where TensorFlow Datasets keeps prepared data sets."
    data.text("data_dir", _default_data_dir(), text)


def _define_train(values: flags.FlagValues) -> None:
    _define_job_dir(values)
    _define_data(values)
    _define_run(values)
    _define_recipe(values)
    _define_runtime(values)


def _define_run(values: flags.FlagValues) -> None:
    run = _Group(values, "run")
    run.integer("epochs", 50, "Passes over the data set (the preset's, unless given).", 1)
    run.integer("steps", None, "Generator updates; overrides --epochs.", 1)
    run.integer("save_interval", 1, "Epochs between image grids.", 1)
    run.integer("checkpoint_interval", 200, "Steps between checkpoints.", 1)
    run.integer("keep_checkpoints", 3, "Newest checkpoints to keep.", 1)
    text = "Steps between two looks at the host; 0: as many as take about two seconds."
    run.integer("steps_per_loop", 0, text, 0)
    text = "Print the resolved configuration and the networks, train nothing."
    run.switch("dry_run", False, text)


def _define_recipe(values: flags.FlagValues) -> None:
    recipe = _Group(values, "recipe")
    recipe.text("preset", "dcgan", "The recipe; see `presets`.")
    recipe.choice("architecture", None, config.ARCHITECTURES, "The networks.")
    recipe.integer("noise_dim", None, "Dimensions of a latent.", 1, 10**6)
    recipe.integer("batch_size", None, "Images a step, over all replicas.", 1)
    recipe.number("dropout", "Dropout rate in the discriminator.")
    recipe.number("generator_learning_rate", "Adam's learning rate for the generator.")
    recipe.number("discriminator_learning_rate", "Adam's learning rate for the discriminator.")
    text = "Decides the initial weights, the data order and every draw."
    recipe.integer("seed", 0, text, 0, config.MAX_SEED)
    text = "Of activations; weights, losses and outputs stay in float32."
    recipe.choice("precision", "float32", config.PRECISIONS, text)


def _define_runtime(values: flags.FlagValues) -> None:
    runtime = _Group(values, "runtime")
    text = "auto: mirrored over several GPUs or virtual devices, else one device."
    runtime.choice("strategy", "auto", config.STRATEGIES, text)
    text = "Split the CPU into this many devices, for runs of several replicas without GPUs."
    runtime.integer("virtual_devices", 0, text, 0, 64)
    runtime.integer("threads", 0, "Threads within an operation; 0: all cores.", 0, 4096)
    text = "Use only operations that give the same bits again."
    runtime.switch("deterministic", True, text)


def _define_generate(values: flags.FlagValues) -> None:
    _define_job_dir(values)
    _define_checkpoint(values)
    samples = _Group(values, "generate")
    text = "A .png (grid), an .npz, or a folder for single PNGs."
    samples.text("output", None, text, required=True)
    samples.integer("num", 64, "Images.", 1, 10**7)
    samples.integer("seed", 0, "Decides the latents.", 0, config.MAX_SEED)


def _define_export(values: flags.FlagValues) -> None:
    _define_job_dir(values)
    _define_checkpoint(values)
    network = _Group(values, "export")
    network.choice("format", "keras", config.EXPORT_SUFFIXES, "The format.")
    network.choice("network", "generator", config.NETWORKS, "The network.")
    network.text("output", None, "File or folder; default: in JOB_DIR/models.")


def _define_prepare_data(values: flags.FlagValues) -> None:
    _define_data(values)
    text = "A folder of the original files, used instead of the usual places."
    _Group(values, "data").text("source", None, text)
