"""The flags of the commands that change pictures, as `flag_definitions` has those of `train`."""

from __future__ import annotations

from absl import flags

from trainer.configuration import choices, flag_definitions
from trainer.configuration.editing import USUAL
from trainer.configuration.flag_groups import Group


def project(values: flags.FlagValues) -> None:
    """The flags of `project`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    group = Group(values, "project")
    text = (
        "A picture, a folder of pictures, or an .npz with images, perhaps with labels, and with "
        "masks, 1 where a pixel is missing and does not count."
    )
    group.text("input", None, text, required=True)
    text = "An .npz that generate and edit take, or a .png: each picture, and as it is drawn."
    group.text("output", None, text, required=True)
    text = (
        "What the pictures show, joined by commas and taken by turns, as generate has it; unless "
        "given, what the .npz says, or else those of most of the nearest samples."
    )
    group.text("labels", "", text)
    _define_search(group)


def inpaint(values: flags.FlagValues) -> None:
    """The flags of `inpaint`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    group = Group(values, "inpaint")
    text = (
        "A picture, a folder of pictures, or an .npz with images, perhaps with labels, and with "
        "masks, 1 where a pixel is missing."
    )
    group.text("input", None, text, required=True)
    text = (
        "What is missing: a picture, white there and of the same size, for all; a folder of such "
        "by the pictures' names; or an .npz with masks. Unless given, what the input says."
    )
    group.text("mask", None, text)
    text = "A .png (each picture, then its completions), an .npz, or a folder for single PNGs."
    group.text("output", None, text, required=True)
    text = "Completions of each picture, one after another, by --seed and the seeds after it."
    group.integer("num", 1, text, 1, 1000)
    text = (
        "What the pictures show, joined by commas and taken by turns, as generate has it; unless "
        "given, what the .npz says, or else what the run tells by what is known."
    )
    group.text("labels", "", text)
    _define_search(group)


def edit(values: flags.FlagValues) -> None:
    """The flags of `edit`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    group = Group(values, "what is changed")
    text = (
        "A picture, a folder of pictures, or an .npz; one of project is taken as it is, others "
        "are projected first. Unless given, samples."
    )
    group.text("input", None, text)
    group.integer("num", None, "Samples; unless given, 8, and 1 for --directions.", 1, 10**5)
    group.text("labels", "", "What they show, or the pictures, as generate and project have it.")
    _define_search(group)
    group = Group(values, "how (one of these)")
    text = (
        "Another label, all else kept: a class by name or number, colour=red or the like, of "
        "several attributes joined by /; several, joined by commas, are a column each."
    )
    group.text("to_label", "", text)
    text = "Along a direction in which the first layers' weights are large: 1 is the largest."
    group.integer("direction", None, text, 1)
    group.integer("directions", None, "So many of them, a row each, of one picture.", 1, 64)
    text = (
        "A grid: coarse styles of the pictures, a row each, with fine ones of others, a column "
        "each: of the samples of a seed, if it is a number, or of pictures, as --input has them."
    )
    group.text("mix", None, text)
    group = Group(values, "edit")
    text = (
        "Strengths of directions, joined by commas, in standard deviations of samples: a column "
        "each, or, of two, the ends."
    )
    group.text("strength", "-2,2", text)
    text = (
        "Layers of styles that --direction and --directions move (all unless given), or that "
        "--mix takes of the columns (the finer half unless given), from 0, such as 1-2 or 0,2."
    )
    group.text("layers", "", text)
    group.text("output", None, "A .png, a .gif, or an .npz.", required=True)


def _define_search(group: Group) -> None:
    group.integer("seed", 0, "Decides samples, and where the search starts.", 0, choices.MAX_SEED)
    text = "Starts of the search for each picture's latent."
    group.integer("restarts", USUAL.restarts, text, 1, 256)
    text = "Steps of the search: of latents, and as many again of styles."
    group.integer("steps", USUAL.steps, text, 2, 10**6)
