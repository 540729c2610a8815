"""The flags of the commands other than `train`, whose flags are in `flag_definitions`."""

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
    text = "Images, or frames of a .gif. Unless given, 64, or 8 per class of a conditional model."
    samples.integer("num", None, text, 1, 10**7)
    samples.integer("seed", 0, "Determines the latents.", 0, choices.MAX_SEED)
    text = (
        "What successive images show, separated by commas and taken in turn: classes by name or "
        "number (#3 where names are numbers); with several attributes dress/red, colour=red or the "
        "like; all unless given. Put an image's labels in double quotes if they contain a comma: "
        '"dress/navy, striped".'
    )
    samples.text("labels", "", text)
    text = (
        "Less gives plainer images. For style-based generators: the share to keep of each style's "
        "distance from the average; for others: the standard deviations within which latents lie."
    )
    samples.number("truncation", None, text)
    text = (
        "An .npz from project, edit or generate: draw its images from its styles or latents, with "
        "its labels unless --labels gives others."
    )
    samples.text("latents", None, text)


def export(values: flags.FlagValues) -> None:
    """The flags of `export`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    network = Group(values, "export")
    network.choice("format", "keras", choices.EXPORT_SUFFIXES, "The format.")
    network.choice("network", "generator", choices.NETWORKS, "The network.")
    network.text("output", None, "File or folder; unless given, in JOB_DIR/models.")
    text = (
        "For generators that add noise. fixed: the same for every image, built into the network; "
        "input: an input of the network, for normally distributed numbers."
    )
    network.choice("noise", "fixed", choices.NOISES, text)


def evaluate(values: flags.FlagValues) -> None:
    """The flags of `evaluate`."""
    flag_definitions.job_dir(values)
    flag_definitions.checkpoint(values)
    data_flag_definitions.define_place(Group(values, "data"))
    group = Group(values, "evaluate")
    group.integer("num", 10_000, "Images to draw.", choices.FEWEST_SAMPLES, 10**7)
    group.integer("seed", 0, "Determines the latents.", 0, choices.MAX_SEED)
    text = (
        "The network that the metrics are computed with: the package's, for Fashion-MNIST; the "
        "data's own, trained once on their training images; or Inception as published for FID, "
        "which is downloaded. Unless given, fashion where it knows the data set, else own."
    )
    group.choice("features", None, choices.FEATURES, text)
    text = (
        "Also train a classifier on the generated images alone, and measure it on the test images "
        "(classification accuracy score), which takes several times as long as everything else."
    )
    group.switch("cas", True, text)
    group.switch("new", False, "Measure every checkpoint not measured yet, then exit.")
    text = "Measure every checkpoint not measured yet, and each new one until the run is complete."
    group.switch("watch", False, text)
    group.integer("threads", 0, "Threads within an operation; 0: all cores.", 0, 4096)


def runs(values: flags.FlagValues) -> None:
    """The flags of `runs`."""
    group = Group(values, "runs")
    group.text("folder", "runs", "A folder that holds runs, at any depth, or gs://bucket/folder.")
    group.switch("plot", False, "Draw their curves in one picture, FOLDER/curves.png.")


def prepare_data(values: flags.FlagValues) -> None:
    """The flags of `prepare_data`."""
    data_flag_definitions.define(values)
    text = "A folder with the original files of fashion_mnist, used instead of the usual places."
    data = Group(values, "data")
    data.text("source", None, text)
    text = "Also train the networks that the data set is evaluated with, which takes minutes."
    data.choice("features", None, (choices.OWN,), text)
    data.integer("threads", 0, "Threads within an operation; 0: all cores.", 0, 4096)
