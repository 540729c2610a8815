"""A card for a trained model, README.md beside it, in the form that model hubs read."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path, PurePosixPath

from trainer import run_layout
from trainer.configuration.config import Recipe
from trainer.models import image_noise
from trainer.runs import checkpoint_files, evaluations
from trainer.runs.figures import FIGURES
from trainer.runs.trained_networks import Trained
from trainer.system import file_system

FILE = "README.md"
PICTURE = PurePosixPath(run_layout.SAMPLES).name
_MARK = "<!-- written by fashion-gan, and again by its next export -->"
_METADATA = """---
library_name: keras
{kind}tags:
- gan
- image-generation
- fashion-gan
---"""
_UNCONDITIONAL = "pipeline_tag: unconditional-image-generation\n"  # there is none of labels


def write(
    folder: Path,
    job_dir: Path | None,
    preset: str,
    networks: Trained,
    noise: str = "fixed",
    is_ending: bool = False,
    last_step: int | None = None,
) -> None:
    """Writes a generator's card, and its picture of a finished run; replaces no other README.

    Args:
      folder: of the models.
      job_dir: the run directory, for figures and picture; None: the networks are of elsewhere.
      preset: the run's.
      networks: of the run.
      noise: of `choices.NOISES`, as the generator was exported.
      is_ending: whether the run ends now, and the picture is drawn next.
      last_step: of the run's checkpoints, which need not all be in its directory; None: they are.
    """
    if of_others(folder):
        return
    shows_them = job_dir is not None and _is_of_end(job_dir, networks.step, last_step)
    if job_dir and shows_them:
        copy = partial(shutil.copyfile, job_dir / run_layout.FINISHED)
        file_system.write_atomically(folder / PICTURE, copy)
    noise_size = image_noise.size(networks.generator) if noise == "input" else 0
    figures = _figures(job_dir, networks.step) if job_dir else ""
    text = _text(figures, preset, networks, noise_size, is_ending or shows_them)
    file_system.write_text(folder / FILE, text)


def of_others(folder: Path) -> list[str]:
    """Names of a card in a folder that this package has not written, and of its picture."""
    path = folder / FILE
    if not path.exists() or _MARK in file_system.read_text(path):
        return []
    return [name for name in (FILE, PICTURE) if (folder / name).is_file()]


def _is_of_end(job_dir: Path, step: int, last_step: int | None) -> bool:
    """Whether the picture of a finished run shows what its networks drew at this step."""
    if last_step is None:
        last_step = max(checkpoint_files.complete(job_dir / run_layout.CHECKPOINTS), default=None)
    return (job_dir / run_layout.FINISHED).exists() and step == last_step


def _text(figures: str, preset: str, networks: Trained, noise_size: int, has_picture: bool) -> str:
    recipe, step = networks.recipe, networks.step
    data = recipe.data
    height, width, channels = data.image_shape
    conditional = recipe.networks.conditional
    sections = [
        _METADATA.format(kind="" if conditional else _UNCONDITIONAL),
        _MARK,
        f"# A generator of {data.dataset}",
        f"A generative adversarial network, recipe `{preset}` of fashion-gan: networks "
        f"`{recipe.networks.architecture}`, loss `{recipe.objective.loss}`, {step} updates of "
        f"{recipe.batch_size} images. It draws images of {height}x{width} pixels with {channels} "
        f"channel{'s' if channels > 1 else ''}.",
        *([f"![samples]({PICTURE})"] if has_picture else []),
        "## Data",
        f"`{data.dataset}`: {data.train_examples} training images, {data.test_examples} for tests. "
        "The licence of a model depends on its data's: name both when you pass it on.",
    ]
    if conditional:
        values = [f"- {it.name}: {_listed(it.values)}" for it in data.attributes]
        sections += ["Labels are numbers of these values, -1 where none is given:"]
        sections += ["\n".join(values)]
    if figures:
        sections += ["## Figures", figures]
    return "\n\n".join([*sections, "## Use", _use(recipe, networks.pixel_min, noise_size)]) + "\n"


def _figures(job_dir: Path, step: int) -> str:
    """A table of the last evaluation of that step; against test images, if there is one."""
    for against in (run_layout.TEST, run_layout.TRAIN):
        measured = [it for it in evaluations.read(job_dir, against) if it["step"] == step]
        if measured:
            rows = [
                f"| {figure.on_card} | {measured[-1][name]:.3f} |"
                for name, figure in FIGURES.items()
                if figure.on_card and isinstance(measured[-1].get(name), float)
            ]
            head = f"Of {measured[-1]['num']} images, against {against} images:"
            return "\n".join([head, "", "| figure | |", "|---|---|", *rows])
    return ""


def _use(recipe: Recipe, pixel_min: float, noise_size: int) -> str:
    load = (
        "```python\nimport keras\n\n"
        'generator = keras.models.load_model("generator.keras", compile=False)\n'
    )
    if recipe.completion.masks:
        labels = "labels, " if recipe.networks.conditional else ""
        return (
            f"{load}images = generator([latents, {labels}pictures, masks])  # from {pixel_min:g}, "
            "black, to 1\n```\n\n`masks` are 1 where a pixel of `pictures` is missing, else 0."
        )
    size, several = recipe.networks.noise_dim, len(recipe.data.attributes) > 1
    inputs = {"latents": f"keras.random.normal([8, {size}])"}
    if recipe.networks.conditional:
        labels = f"[[0] * {len(recipe.data.attributes)}] * 8" if several else "[0] * 8"
        inputs["labels"] = f"keras.ops.array({labels})"
    if noise_size:
        inputs["noise"] = f"keras.random.normal([8, {noise_size}])"
    lines = [f"{name} = {value}" for name, value in inputs.items()]
    given = ", ".join(inputs)
    lines.append(f"images = generator({given if len(inputs) == 1 else f'[{given}]'})")
    code = "\n".join(lines)
    return (
        f"{load}{code}  # from {pixel_min:g}, black, to 1\n```\n\n"
        "A SavedModel, by `fashion-gan export --format=saved_model`, needs TensorFlow alone:\n\n"
        '```python\nimport tensorflow as tf\n\ngenerator = tf.saved_model.load("generator")\n'
        "images = generator.sample(n=8, seed=0)  # by turns of each class\n```"
    )


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"{number} {value}" for number, value in enumerate(values))
