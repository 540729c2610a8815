"""What a run is, as frozen dataclasses made once from the flags. No TensorFlow here.

`Recipe` is what the result depends on: a resume must agree with it. `Schedule` and `Runtime`
may change between one start of a run and the next.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.data import DATASETS
from trainer.exits import RefusedError

ARCHITECTURES = ("dcgan",)
PRECISIONS = ("float32", "bfloat16")
STRATEGIES = ("auto", "one_device", "mirrored")
MAX_SEED = 2**31 - 1
NETWORKS = ("generator", "discriminator")
EXPORT_SUFFIXES = {
    "keras": ".keras",
    "weights": ".weights.h5",
    "h5": ".h5",
    "saved_model": "",  # a folder
    "tflite": ".tflite",
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the bits of the trained model, versions and hardware aside."""

    dataset: str
    architecture: str
    noise_dim: int  # dimensions of a latent
    dropout: float  # rate, in the discriminator
    batch_size: int  # images a step, over all replicas
    generator_learning_rate: float  # Adam
    discriminator_learning_rate: float  # Adam
    precision: str  # of activations; variables are always float32
    seed: int


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how often to save and show."""

    epochs: int
    steps: int | None  # overrides epochs
    save_interval: int  # epochs between image grids
    checkpoint_interval: int  # steps
    keep_checkpoints: int
    steps_per_loop: int  # 0: chosen so that a loop lasts about two seconds


@dataclass(frozen=True)
class Runtime:
    """Where and how the computation runs."""

    strategy: str
    virtual_devices: int  # logical CPU devices, 0: none
    threads: int  # intra-op
    deterministic: bool


@dataclass(frozen=True)
class Config:
    """A training run as its user asked for it."""

    preset: str
    job_dir: Path
    data_dir: Path
    recipe: Recipe
    schedule: Schedule
    runtime: Runtime
    dry_run: bool = False


@dataclass(frozen=True)
class SampleConfig:
    """What `generate` is asked for."""

    job_dir: Path
    output: Path  # .png, .npz, or a folder
    num: int
    seed: int
    checkpoint: str  # latest, a step, or a path


@dataclass(frozen=True)
class ExportConfig:
    """What `export` is asked for."""

    job_dir: Path
    output: Path
    format: str
    network: str
    checkpoint: str  # latest, a step, or a path


@dataclass(frozen=True)
class PlotConfig:
    """What `plot` is asked for."""

    job_dir: Path


@dataclass(frozen=True)
class PrepareConfig:
    """What `prepare_data` is asked for."""

    dataset: str
    data_dir: Path
    source: Path | None  # a folder of the original files; None: the usual places


def total_steps(recipe: Recipe, schedule: Schedule) -> int:
    """Steps of the whole run. Epochs are counted in images, so the last one is rounded up."""
    if schedule.steps is not None:
        return schedule.steps
    return step_of_epoch(recipe, schedule.epochs)


def step_of_epoch(recipe: Recipe, epoch: int) -> int:
    """The first step after which that many epochs of images have been seen."""
    return math.ceil(epoch * DATASETS[recipe.dataset].train_examples / recipe.batch_size)


def epoch_of_step(recipe: Recipe, step: int) -> float:
    """Epochs of images seen after that many steps."""
    return step * recipe.batch_size / DATASETS[recipe.dataset].train_examples


def check(config: Config) -> None:
    """Refuses combinations that single flags cannot see.

    Raises:
      RefusedError: with one line that says what is wrong and what to do.
    """
    recipe, runtime = config.recipe, config.runtime
    for name in ("generator_learning_rate", "discriminator_learning_rate"):
        rate = getattr(recipe, name)
        if not (math.isfinite(rate) and rate > 0):
            raise RefusedError(f"--{name}={rate} must be a positive number")
    if not 0 <= recipe.dropout < 1:
        raise RefusedError(f"--dropout={recipe.dropout} must be at least 0 and below 1")
    examples = DATASETS[recipe.dataset].train_examples
    if recipe.batch_size > examples:
        raise RefusedError(
            f"--batch_size={recipe.batch_size} is more than the {examples} images of "
            f"--dataset={recipe.dataset}"
        )
    if runtime.strategy == "one_device" and runtime.virtual_devices > 1:
        raise RefusedError(
            f"--strategy=one_device contradicts --virtual_devices={runtime.virtual_devices}: "
            "leave one of them out"
        )
    check_replicas(recipe, max(1, runtime.virtual_devices))
    if config.job_dir == config.data_dir:  # each has a lock, and they would wait for each other
        raise RefusedError(f"--job_dir and --data_dir are both {config.job_dir}: separate them")


def check_replicas(recipe: Recipe, replicas: int) -> None:
    """Refuses a global batch that the replicas cannot share evenly."""
    if recipe.batch_size % replicas:
        raise RefusedError(
            f"--batch_size={recipe.batch_size} is not divisible by the {replicas} replicas: "
            f"try {recipe.batch_size // replicas * replicas or replicas}"
        )


def check_sample(config: SampleConfig) -> None:
    """Refuses an output that is none of the formats of `generate`."""
    if config.output.suffix not in ("", ".png", ".npz"):
        raise RefusedError(f"--output={config.output} must be a .png, an .npz or a folder")
    if config.output.suffix and config.output.is_dir():
        raise RefusedError(f"--output={config.output} is a folder: give it no suffix")


def check_export(config: ExportConfig) -> None:
    """Refuses an output that the format cannot be, or that would replace something else."""
    suffix, output = EXPORT_SUFFIXES[config.format], config.output
    if not output.name.endswith(suffix) or (not suffix and output.suffix):
        wanted = f"end in {suffix}" if suffix else "be a folder, without a suffix"
        raise RefusedError(f"--output={output} must {wanted} for --format={config.format}")
    if output.exists() and (output.is_file() if not suffix else output.is_dir()):
        raise RefusedError(f"--output={output} is there, and no {config.format}: choose another")
    if output.is_dir() and not (output / "saved_model.pb").exists() and any(output.iterdir()):
        raise RefusedError(f"--output={output} holds something else: choose another folder")


def to_json(config: Config, horizon: int, environment: dict[str, Any]) -> str:
    """The content of config.json: the configuration and what it ran on.

    Args:
      config: the run.
      horizon: the length in steps that schedules of rates are functions of.
      environment: versions and devices, on which the bits depend.
    """
    resolved = {
        "preset": config.preset,
        "recipe": dataclasses.asdict(config.recipe),
        "schedule": dataclasses.asdict(config.schedule),
        "runtime": dataclasses.asdict(config.runtime),
        "horizon": horizon,
        "environment": environment,
    }
    return json.dumps(resolved, indent=2) + "\n"


def read_json(job_dir: Path) -> dict[str, Any] | None:
    """The run's config.json, or None where no run was started.

    Raises:
      RefusedError: the file is damaged.
    """
    path = job_dir / "config.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(stored, dict) and isinstance(stored.get("recipe"), dict):
            return stored
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise RefusedError(f"{path} cannot be read ({error}): restore it") from error
    raise RefusedError(f"{path} is not the configuration of a run: restore it")


def recipe_from(stored: dict[str, Any], job_dir: Path) -> Recipe:
    """The recipe of a stored configuration.

    Raises:
      RefusedError: it was written by a version with other fields.
    """
    try:
        return Recipe(**stored["recipe"])
    except TypeError as error:
        raise RefusedError(
            f"{job_dir / 'config.json'} was written by another version of fashion-gan ({error})"
        ) from error


def check_resume(stored: dict[str, Any], config: Config) -> None:
    """Refuses to resume with a recipe that would change the result.

    Raises:
      RefusedError: with a table of the differences.
    """
    before, now = stored["recipe"], dataclasses.asdict(config.recipe)
    rows = [
        (name, before.get(name, "absent"), now.get(name, "absent"))
        for name in {**before, **now}
        if before.get(name, "absent") != now.get(name, "absent")
    ]
    if rows:
        table = "\n".join(f"  {name:<28} {old!s:<16} {new!s}" for name, old, new in rows)
        raise RefusedError(
            f"--job_dir={config.job_dir} holds a run of another recipe: give its flags again, "
            f"or choose another folder\n  {'flag':<28} {'the run':<16} asked for\n{table}"
        )
