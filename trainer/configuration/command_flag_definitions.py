"""The flags of the commands beside `train`, as `flag_definitions` has those."""

from __future__ import annotations

from absl import flags

from trainer.configuration import choices, data_flag_definitions, flag_definitions
from trainer.configuration.flag_groups import Group


def generate(values: flags.FlagValues) -> None:
    """The flags of `generate`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    samples = Group(values, "generate")
    text = "A .png (grid), a .gif (between two latents), an .npz, or a folder for single PNGs."
    samples.text("output", None, text, required=True)
    text = "Images; frames of a .gif. Unless given, 64, or 8 a class of a conditional model."
    samples.integer("num", None, text, 1, 10**7)
    samples.integer("seed", 0, "Decides the latents.", 0, choices.MAX_SEED)
    text = (
        "What successive images show, joined by commas and taken by turns: classes by name or "
        "number (#3 where names are numbers); of several attributes dress/red, colour=red or the "
        "like; all unless given. What has a comma itself stands in double quotes."
    )
    samples.text("labels", "", text)
    text = (
        "Less gives plainer images. Of style-based generators: the share that is left of a style's "
        "distance from the average one; of others: standard deviations within which latents lie."
    )
    samples.number("truncation", None, text)
    text = (
        "An .npz of project or edit: its images, drawn from its styles or latents, by its labels "
        "unless --labels gives others."
    )
    samples.text("latents", None, text)


def export(values: flags.FlagValues) -> None:
    """The flags of `export`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    network = Group(values, "export")
    network.choice("format", "keras", choices.EXPORT_SUFFIXES, "The format.")
    network.choice("network", "generator", choices.NETWORKS, "The network.")
    network.text("output", None, "File or folder; default: in JOB_DIR/models.")
    text = (
        "Of generators that add noise. fixed: the same for every image, a part of the network; "
        "input: an input of the network, which takes normal numbers."
    )
    network.choice("noise", "fixed", choices.NOISES, text)


def evaluate(values: flags.FlagValues) -> None:
    """The flags of `evaluate`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    data_flag_definitions.define_place(Group(values, "data"))
    group = Group(values, "evaluate")
    group.integer("num", 10_000, "Images to draw.", choices.FEWEST_SAMPLES, 10**7)
    group.integer("seed", 0, "Decides the latents.", 0, choices.MAX_SEED)
    text = (
        "The network that figures are computed from: the package's, of Fashion-MNIST; one of the "
        "data's own, trained once on their training images; or Inception as published for FID, "
        "which is downloaded. Unless given, fashion where it knows the data set, else own."
    )
    group.choice("features", None, choices.FEATURES, text)
    text = (
        "Also train a classifier on the images alone, and tell how well it sees the test images "
        "(classification accuracy score), which takes several times as long as all else."
    )
    group.switch("cas", True, text)
    group.switch("new", False, "Measure every checkpoint that was not, then exit.")
    text = "Measure every checkpoint that was not, and each that comes until the run is complete."
    group.switch("watch", False, text)
    group.integer("threads", 0, "Threads within an operation; 0: all cores.", 0, 4096)


def runs(values: flags.FlagValues) -> None:
    """The flags of `runs`."""
    group = Group(values, "runs")
    group.text("folder", "runs", "A folder in which runs lie, at any depth, or gs://bucket/folder.")
    group.switch("plot", False, "Draw their curves in one picture, FOLDER/curves.png.")


def prepare_data(values: flags.FlagValues) -> None:
    """The flags of `prepare_data`."""
    data_flag_definitions.define(values)
    text = "A folder of the original files of fashion_mnist, used instead of the usual places."
    data = Group(values, "data")
    data.text("source", None, text)
    text = "Also train the networks that the set is evaluated with, which takes minutes."
    data.choice("features", None, (choices.OWN,), text)
    data.integer("threads", 0, "Threads within an operation; 0: all cores.", 0, 4096)
