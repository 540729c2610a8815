"""The flags of the commands that change pictures; those of `train` are in `flag_definitions`."""

from __future__ import annotations

from absl import flags

from trainer.configuration import choices, flag_definitions
from trainer.configuration.editing import Search
from trainer.configuration.flag_groups import Group


def project(values: flags.FlagValues) -> None:
    """The flags of `project`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    group = Group(values, "project")
    text = (
        "A picture, a folder of pictures, or an .npz with images, optionally with labels, and with "
        "masks, 1 where a pixel is missing and does not count."
    )
    group.text("input", None, text, required=True)
    text = "An .npz that generate and edit read, or a .png: each picture, and its projection."
    group.text("output", None, text, required=True)
    text = (
        "What the pictures show, separated by commas and taken in turn, as for generate; unless "
        "given, what the .npz says, or else what most of the nearest samples show."
    )
    group.text("labels", "", text)
    _define_search(group)


def inpaint(values: flags.FlagValues) -> None:
    """The flags of `inpaint`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    group = Group(values, "inpaint")
    text = (
        "A picture, a folder of pictures, or an .npz with images, optionally with labels, and with "
        "masks, 1 where a pixel is missing."
    )
    group.text("input", None, text, required=True)
    text = (
        "What is missing: one picture for all, of the same size and white there; a folder of them "
        "with the pictures' names; or an .npz with masks. Unless given, what the input says."
    )
    group.text("mask", None, text)
    text = "A .png (each picture, then its completions), an .npz, or a folder for single PNGs."
    group.text("output", None, text, required=True)
    text = "Completions of each picture, one after another, from --seed and the seeds after it."
    group.integer("num", 1, text, 1, 1000)
    text = (
        "What the pictures show, separated by commas and taken in turn, as for generate; unless "
        "given, what the .npz says, or else what the run recognises from the known parts."
    )
    group.text("labels", "", text)
    _define_search(group)


def edit(values: flags.FlagValues) -> None:
    """The flags of `edit`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    group = Group(values, "what is changed")
    text = (
        "A picture, a folder of pictures, or an .npz; one with latents or styles is used as it is, "
        "all else is projected first. Unless given, samples."
    )
    group.text("input", None, text)
    group.integer("num", None, "Samples; unless given, 8, or 1 for --directions.", 1, 10**5)
    group.text("labels", "", "What the samples or pictures show, as for generate and project.")
    _define_search(group)
    group = Group(values, "how (one of these)")
    text = (
        "Another label, all else kept: a class by name or number, colour=red or the like, joined "
        "by / for several attributes; several labels, separated by commas, get one column each."
    )
    group.text("to_label", "", text)
    text = "Move along a direction in which the layers' weights are large: 1 is the largest."
    group.integer("direction", None, text, 1)
    group.integer("directions", None, "This many directions of one picture, one row each.", 1, 64)
    text = (
        "A grid: coarse styles of the pictures, one row each, with fine ones of others, one column "
        "each: of the samples of a seed, if it is a number, else of pictures, as for --input."
    )
    group.text("mix", None, text)
    group = Group(values, "edit")
    text = (
        "How far to move along directions, in standard deviations of samples, separated by commas: "
        "one column each, or, if there are two, the ends."
    )
    group.text("strength", "-2,2", text)
    text = (
        "Layers of styles, from 0, like 1-2 or 0,2, that --direction and --directions move (all "
        "unless given), or that --mix takes from the columns (the finer half unless given)."
    )
    group.text("layers", "", text)
    group.text("output", None, "A .png, a .gif, or an .npz.", required=True)


def _define_search(group: Group) -> None:
    group.integer("seed", 0, "Determines samples, and where searches start.", 0, choices.MAX_SEED)
    text = "Starting points of the search for each picture's latent."
    group.integer("restarts", Search.restarts, text, 1, 256)
    text = "Steps of the search: for latents, and as many again for styles."
    group.integer("steps", Search.steps, text, 2, 10**6)
