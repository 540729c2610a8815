"""The way from flags to configurations. Nothing else reads flags.

Each command has its own `absl.flags.FlagValues`, so that its `--help` shows its own flags.
A preset is a flag file that is read before the command line: what the user gives wins.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence

from absl import flags

from trainer import run_layout
from trainer.cloud import data_folder
from trainer.cloud.data_places import DataPlaces
from trainer.configuration import (
    checks,
    choices,
    command_checks,
    command_flag_definitions,
    config,
    data_flags,
    flag_definitions,
    help_text,
    parsing,
    paths,
    presets,
    recipe_flags,
)
from trainer.data import loading
from trainer.data.datasets import IMAGE_FOLDER, DataChoice, DatasetSpec
from trainer.system import cores
from trainer.system.exits import RefusedError

log = logging.getLogger(__name__)

Specify = Callable[[DataChoice, DataPlaces], DatasetSpec]


def train(argv: Sequence[str]) -> config.TrainConfig:
    """The configuration of `train`. `argv` starts with the command's name.

    Where there may be a run already, `resume` checks it together with what that run says.
    """
    resolved = _train(argv, _published)
    is_new = not (resolved.job_dir_url or (resolved.job_dir / run_layout.CONFIG).exists())
    if is_new:
        _check_pictures_are_named(resolved)
        checks.check(resolved)  # before all pictures of a folder are read
    if not loading.SOURCES[resolved.data.dataset].is_pinned:
        try:
            resolved = _train(argv, _as_it_lies_there)
        except RefusedError:
            if is_new or resolved.data.dataset != IMAGE_FOLDER:
                raise
            return resolved  # a run may know better how its folder is read
        if is_new:
            _say_why_there_are_no_labels(resolved)
            checks.check(resolved)
    return resolved


def _check_pictures_are_named(asked: config.TrainConfig) -> None:
    if asked.data.dataset == IMAGE_FOLDER and "data_dir" not in asked.given:
        raise RefusedError(
            f"--dataset={IMAGE_FOLDER} needs --data_dir=FOLDER, the folder of your pictures"
        )


def _say_why_there_are_no_labels(asked: config.TrainConfig) -> None:
    """Says what in a folder is not used if networks lack the labels that they need."""
    data = asked.recipe.data
    if data.folder and asked.recipe.networks.conditional and max(data.label_sizes, default=0) < 2:
        for note in data_folder.at(asked.places).left_out(data):
            log.warning("data: %s", note)


def _as_it_lies_there(choice: DataChoice, places: DataPlaces) -> DatasetSpec:
    return data_folder.at(places).specify(choice)


def train_on(data: DatasetSpec, argv: Sequence[str]) -> config.TrainConfig:
    """The same for data of this specification; nothing is looked at, nor checked together."""
    return _train(argv, lambda choice, places: data)


def train_elsewhere(argv: Sequence[str]) -> config.TrainConfig:
    """The same for another machine, whose data are out of reach here: nothing is looked at."""
    resolved = _train(argv, _published)
    checks.check(resolved)
    return resolved


def _published(choice: DataChoice, places: DataPlaces) -> DatasetSpec:
    """A data set as its authors have published it; no data are looked at."""
    del places
    return loading.published(choice)


def generate(argv: Sequence[str]) -> config.GenerateConfig:
    """The configuration of `generate`."""
    values = parsing.parse(argv, command_flag_definitions.generate)
    job_dir, job_dir_url = paths.job_dir(values.job_dir)
    latents = None if values.latents is None else paths.input_path("latents", values.latents)
    resolved = config.GenerateConfig(
        job_dir=job_dir,
        output=paths.output(values.output, (".png", ".gif", ".npz"), latents=latents),
        num=values.num,
        seed=values.seed,
        labels=data_flags.names(values, "labels"),
        truncation=values.truncation,
        latents=latents,
        checkpoint=paths.checkpoint(values.checkpoint),
        job_dir_url=job_dir_url,
    )
    command_checks.check_generate(resolved, values["seed"].present > 0)
    return resolved


def export(argv: Sequence[str]) -> config.ExportConfig:
    """The configuration of `export`."""
    values = parsing.parse(argv, command_flag_definitions.export)
    job_dir, job_dir_url = paths.job_dir(values.job_dir)
    name = values.network + choices.EXPORT_SUFFIXES[values.format]
    resolved = config.ExportConfig(
        job_dir=job_dir,
        output=job_dir / run_layout.MODELS / name
        if values.output is None
        else paths.output(values.output, choices.EXPORT_SUFFIXES.values()),
        format=values.format,
        network=values.network,
        noise=values.noise,
        checkpoint=paths.checkpoint(values.checkpoint),
        job_dir_url=job_dir_url,
    )
    command_checks.check_export(resolved)
    return resolved


def evaluate(argv: Sequence[str]) -> config.EvaluateConfig:
    """The configuration of `evaluate`."""
    values = parsing.parse(argv, command_flag_definitions.evaluate)
    job_dir, job_dir_url = paths.job_dir(values.job_dir)
    resolved = config.EvaluateConfig(
        job_dir=job_dir,
        places=data_flags.places(values),
        measurement=config.Measurement(values.num, values.seed, values.features, values.cas),
        checkpoint=paths.checkpoint(values.checkpoint),
        new=values.new,
        watch=values.watch,
        threads=values.threads or cores.available(),
        job_dir_url=job_dir_url,
    )
    command_checks.check_evaluate(resolved)
    return resolved


def plot(argv: Sequence[str]) -> config.PlotConfig:
    """The configuration of `plot`."""
    job_dir, job_dir_url = paths.job_dir(parsing.parse(argv, flag_definitions.job_dir).job_dir)
    return config.PlotConfig(job_dir=job_dir, job_dir_url=job_dir_url)


def runs(argv: Sequence[str]) -> config.RunsConfig:
    """The configuration of `runs`."""
    values = parsing.parse(argv, command_flag_definitions.runs)
    folder, folder_url = paths.folder("folder", values.folder)
    return config.RunsConfig(folder=folder, plot=values.plot, folder_url=folder_url)


def prepare_data(argv: Sequence[str]) -> config.PrepareConfig:
    """The configuration of `prepare_data`."""
    values = parsing.parse(argv, command_flag_definitions.prepare_data)
    places = data_flags.places(values)
    given = frozenset(name for name in values if values[name].present)
    choice = data_flags.choice(values, given)
    checks.check_data(choice, given)
    return config.PrepareConfig(
        data=data_folder.at(places).specify(choice),
        places=places,
        source=None if values.source is None else paths.local("source", values.source),
        own_features=values.features is not None,
        threads=values.threads or cores.available(),
    )


def verbosity(arguments: Sequence[str]) -> str:
    """How much of the log a command with these arguments shows: `quiet`, `verbose`, or empty.

    All else is left to the command's own parsing.

    Raises:
      RefusedError: both are asked for.
    """
    values = flags.FlagValues()
    flag_definitions.log(values)
    values.set_gnu_getopt(True)
    try:
        values(["", *arguments], known_only=True)
    except (flags.Error, UnicodeError):
        return ""
    if values.quiet and values.verbose:
        raise RefusedError("--quiet and --verbose contradict each other: leave one of them out")
    return "quiet" if values.quiet else "verbose" if values.verbose else ""


def no_flags(argv: Sequence[str]) -> None:
    """For a command without flags."""
    parsing.parse(argv, lambda _: None)


def _train(argv: Sequence[str], specify: Specify) -> config.TrainConfig:
    if help_text.WORDS & set(argv):
        preset = parsing.in_force(argv, flag_definitions.train)["preset"].value
        argv = [argv[0], *presets.arguments(preset), *argv[1:]]
    users = parsing.parse(argv, flag_definitions.train)
    values = parsing.parse(
        [argv[0], *presets.arguments(users.preset), *argv[1:]], flag_definitions.train
    )
    given = frozenset(name for name in users if users[name].present)
    job_dir, job_dir_url = paths.job_dir(values.job_dir)
    places = data_flags.places(values)
    source, source_url = None, None
    if values.initialize_from is not None:
        source, source_url = paths.job_dir(values.initialize_from, "initialize_from")
    choice = specified = data_flags.choice(values, given)
    if "dataset" not in given and (job_dir_url or (job_dir / run_layout.CONFIG).exists()):
        # They may be of another set: the run's, which `resume` reads and joins them to.
        specified = dataclasses.replace(choice, image_size=None, attributes=())
    return config.TrainConfig(
        preset=values.preset,
        job_dir=job_dir,
        places=places,
        data=choice,
        recipe=recipe_flags.recipe(values, specify(specified, places), given),
        execution=config.Execution(
            choices.JIT_COMPILE[values.jit_compile],
            values.forms,
        ),
        schedule=_schedule(values),
        runtime=config.Runtime(
            strategy=values.strategy,
            virtual_devices=values.virtual_devices,
            threads=values.threads or cores.available(),
            metrics_port=values.metrics_port,
            deterministic=values.deterministic,
            cluster_timeout=values.cluster_timeout,
        ),
        given=given,
        dry_run=values.dry_run,
        rejoin=values.rejoin,
        job_dir_url=job_dir_url,
        initialize_from=source,
        initialize_from_url=source_url,
    )


def _schedule(values: flags.FlagValues) -> config.Schedule:
    return config.Schedule(
        epochs=values.epochs,
        steps=values.steps,
        minutes=values.minutes,
        save_interval=values.save_interval,
        checkpoint_interval=values.checkpoint_interval,
        keep_checkpoints=values.keep_checkpoints,
        evaluation_interval=values.evaluation_interval,
        evaluation_samples=values.evaluation_samples,
        steps_per_loop=values.steps_per_loop,
        profile_steps=_profile_steps(values.profile_steps),
    )


def _profile_steps(text: str) -> tuple[int, ...]:
    """Two steps, or none.

    Raises:
      RefusedError: it is something else.
    """
    parts = [part.strip() for part in text.split(",")] if text else []
    numbers = tuple(int(part) for part in parts if part.isdecimal())
    if parts and (len(parts) != 2 or len(numbers) != 2 or not numbers[0] < numbers[1]):
        raise RefusedError(f"--profile_steps={text} must be a first and a last step, like 100,120")
    return numbers
