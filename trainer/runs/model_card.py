"""A card for a trained model, README.md beside it, in the form that model hubs read."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from trainer import run_layout
from trainer.configuration.config import Recipe
from trainer.models import image_noise
from trainer.plurals import counted
from trainer.run_layout import CARD, CARD_PICTURE
from trainer.runs import checkpoint_files, evaluations
from trainer.runs.figures import FIGURES
from trainer.runs.trained_networks import Trained
from trainer.system import file_system

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
    in_saved_model: bool = False,
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
      in_saved_model: whether the folder is a SavedModel, not one with `generator.keras`.
      is_ending: whether the run ends now, and the picture is drawn next.
      last_step: of the run's checkpoints, which need not all be in its directory; None: they are.
    """
    if of_others(folder):
        return
    shows_them = job_dir is not None and _is_of_end(job_dir, networks.step, last_step)
    if job_dir and shows_them:
        copy = partial(shutil.copyfile, job_dir / run_layout.FINISHED)
        file_system.write_atomically(folder / CARD_PICTURE, copy)
    noise_size = image_noise.size(networks.generator) if noise == "input" else 0
    use = _use_of_saved_model if in_saved_model else partial(_use, noise_size=noise_size)
    figures = _figures(job_dir, networks.step) if job_dir else ""
    code = use(networks.recipe, networks.pixel_min)
    text = _text(figures, preset, networks, code, is_ending or shows_them)
    file_system.write_text(folder / CARD, text)


def of_others(folder: Path) -> list[str]:
    """Names of a card in a folder that this package has not written, and of its picture."""
    path = folder / CARD
    if not path.exists() or _MARK in file_system.read_text(path):
        return []
    return [name for name in (CARD, CARD_PICTURE) if (folder / name).is_file()]


def _is_of_end(job_dir: Path, step: int, last_step: int | None) -> bool:
    """Whether the picture of a finished run shows what its networks drew at this step."""
    if last_step is None:
        last_step = checkpoint_files.newest(job_dir / run_layout.CHECKPOINTS)
    return (job_dir / run_layout.FINISHED).exists() and step == last_step


def _text(figures: str, preset: str, networks: Trained, use: str, has_picture: bool) -> str:
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
        f"{recipe.batch_size} images. It draws images of {height}x{width} pixels with "
        f"{counted(channels, 'channel')}.",
        *([f"![samples]({CARD_PICTURE})"] if has_picture else []),
        "## Data",
        f"`{data.dataset}`: {data.train_examples} training images, {data.test_examples} for tests. "
        "The licence of a model depends on that of its data: name both when you pass it on.",
    ]
    if conditional:
        values = [f"- {it.name}: {_listed(it.values)}" for it in data.attributes]
        not_given = ", or -1 where none is given" if _knows_no_label(recipe) else ""
        sections += [f"Labels are the numbers of these values{not_given}:"]
        sections += ["\n".join(values)]
    if figures:
        sections += ["## Evaluation", figures]
    return "\n\n".join([*sections, "## Use", use]) + "\n"


def _figures(job_dir: Path, step: int) -> str:
    """A table of the last evaluation of that step; against test images, if there is one."""
    for against in (run_layout.TEST, run_layout.TRAIN):
        measured = [
            it for it in evaluations.read(job_dir, against) if it["step"] == step and "num" in it
        ]
        if measured:
            rows = [
                f"| {figure.on_card} | {measured[-1][name]:.3f} |"
                for name, figure in FIGURES.items()
                if figure.on_card and isinstance(measured[-1].get(name), float)
            ]
            head = f"Of {measured[-1]['num']} images, against {against} images:"
            return "\n".join([head, "", "| metric | |", "|---|---|", *rows])
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
        "A SavedModel, from `fashion-gan export --format=saved_model`, needs only TensorFlow:\n\n"
        f"{_use_of_saved_model(recipe, pixel_min, 'generator')}"
    )


def _use_of_saved_model(recipe: Recipe, pixel_min: float, path: str = ".") -> str:
    """By the path of the SavedModel, from the card."""
    turns = "the classes in turn, " if recipe.networks.conditional else ""
    return (
        f'```python\nimport tensorflow as tf\n\ngenerator = tf.saved_model.load("{path}")\n'
        f"images = generator.sample(n=8, seed=0)  # {turns}from {pixel_min:g}, black, to 1\n```"
    )


def _knows_no_label(recipe: Recipe) -> bool:
    """Whether the generator has learnt what to draw where a label is not given."""
    return bool(recipe.networks.attribute_dropout or recipe.completion.recognition)


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"{number} {value}" for number, value in enumerate(values))
