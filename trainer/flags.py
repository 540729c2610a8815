"""Every flag, and the way from flags to configurations. Nothing else reads flags.

Each command has its own `absl.flags.FlagValues`, so that its `--help` shows its own flags.
A preset is a flag file that is read before the command line: what the user gives wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
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


def _define_job_dir(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "job_dir", None, "The run directory.", flag_values=values, required=True, module_name="run"
    )


def _define_checkpoint(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "checkpoint",
        "latest",
        "latest, a step, or a path without suffix.",
        flag_values=values,
        module_name="run",
    )


def _define_data(values: flags.FlagValues) -> None:
    flags.DEFINE_enum(
        "dataset",
        "fashion_mnist",
        list(DATASETS),
        "The data set; synthetic is drawn in code.",
        flag_values=values,
        module_name="data",
    )
    flags.DEFINE_string(
        "data_dir",
        _default_data_dir(),
        "Where TensorFlow Datasets keeps prepared data sets.",
        flag_values=values,
        module_name="data",
    )


def _define_train(values: flags.FlagValues) -> None:
    _define_job_dir(values)
    _define_data(values)
    _define_run(values)
    _define_recipe(values)
    _define_runtime(values)


def _define_run(values: flags.FlagValues) -> None:
    def integer(name: str, default: int | None, lowest: int, text: str) -> None:
        flags.DEFINE_integer(
            name, default, text, lowest, MOST, flag_values=values, module_name="run"
        )

    integer("epochs", 50, 1, "Passes over the data set (the preset's, unless given).")
    integer("steps", None, 1, "Generator updates; overrides --epochs.")
    integer("save_interval", 1, 1, "Epochs between image grids.")
    integer("checkpoint_interval", 200, 1, "Steps between checkpoints.")
    integer("keep_checkpoints", 3, 1, "Newest checkpoints to keep.")
    integer(
        "steps_per_loop",
        0,
        0,
        "Steps between two looks at the host; 0: as many as take about two seconds.",
    )
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "Print the resolved configuration and the networks, train nothing.",
        flag_values=values,
        module_name="run",
    )


def _define_recipe(values: flags.FlagValues) -> None:
    def rate(name: str, text: str) -> None:
        flags.DEFINE_float(name, None, text, flag_values=values, module_name="recipe")

    def integer(name: str, text: str) -> None:
        flags.DEFINE_integer(name, None, text, 1, 10**6, flag_values=values, module_name="recipe")

    flags.DEFINE_string(
        "preset", "dcgan", "The recipe; see `presets`.", flag_values=values, module_name="recipe"
    )
    flags.DEFINE_enum(
        "architecture",
        None,
        list(config.ARCHITECTURES),
        "The networks.",
        flag_values=values,
        module_name="recipe",
    )
    integer("noise_dim", "Dimensions of a latent.")
    integer("batch_size", "Images a step, over all replicas.")
    rate("dropout", "Dropout rate in the discriminator.")
    rate("generator_learning_rate", "Adam's learning rate for the generator.")
    rate("discriminator_learning_rate", "Adam's learning rate for the discriminator.")
    flags.DEFINE_integer(
        "seed",
        0,
        "Decides the initial weights, the data order and every draw.",
        lower_bound=0,
        upper_bound=config.MAX_SEED,
        flag_values=values,
        module_name="recipe",
    )
    flags.DEFINE_enum(
        "precision",
        "float32",
        list(config.PRECISIONS),
        "Of activations; weights, losses and outputs stay in float32.",
        flag_values=values,
        module_name="recipe",
    )


def _define_runtime(values: flags.FlagValues) -> None:
    flags.DEFINE_enum(
        "strategy",
        "auto",
        list(config.STRATEGIES),
        "auto: mirrored over several GPUs or virtual devices, else one device.",
        flag_values=values,
        module_name="runtime",
    )
    flags.DEFINE_integer(
        "virtual_devices",
        0,
        "Split the CPU into this many devices, for runs of several replicas without GPUs.",
        lower_bound=0,
        upper_bound=64,
        flag_values=values,
        module_name="runtime",
    )
    flags.DEFINE_integer(
        "threads",
        0,
        "Threads within an operation; 0: all cores.",
        lower_bound=0,
        upper_bound=4096,
        flag_values=values,
        module_name="runtime",
    )
    flags.DEFINE_boolean(
        "deterministic",
        True,
        "Use only operations that give the same bits again.",
        flag_values=values,
        module_name="runtime",
    )


def _define_generate(values: flags.FlagValues) -> None:
    _define_job_dir(values)
    _define_checkpoint(values)
    flags.DEFINE_string(
        "output",
        None,
        "A .png (grid), an .npz, or a folder for single PNGs.",
        flag_values=values,
        required=True,
        module_name="generate",
    )
    flags.DEFINE_integer("num", 64, "Images.", 1, 10**7, flag_values=values, module_name="generate")
    flags.DEFINE_integer(
        "seed",
        0,
        "Decides the latents.",
        lower_bound=0,
        upper_bound=config.MAX_SEED,
        flag_values=values,
        module_name="generate",
    )


def _define_export(values: flags.FlagValues) -> None:
    _define_job_dir(values)
    _define_checkpoint(values)
    flags.DEFINE_enum(
        "format",
        "keras",
        list(config.EXPORT_SUFFIXES),
        "The format.",
        flag_values=values,
        module_name="export",
    )
    flags.DEFINE_enum(
        "network",
        "generator",
        list(config.NETWORKS),
        "The network.",
        flag_values=values,
        module_name="export",
    )
    flags.DEFINE_string(
        "output",
        None,
        "File or folder; default: in JOB_DIR/models.",
        flag_values=values,
        module_name="export",
    )


def _define_prepare_data(values: flags.FlagValues) -> None:
    _define_data(values)
    flags.DEFINE_string(
        "source",
        None,
        "A folder of the original files, used first.",
        flag_values=values,
        module_name="data",
    )
