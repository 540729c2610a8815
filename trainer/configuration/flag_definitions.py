"""The flags of all commands and of `train`: name, default, what they take and say in `--help`."""

from __future__ import annotations

from absl import flags

from trainer.configuration import choices, data_flag_definitions
from trainer.configuration.flag_groups import Group

MOST_CHANNELS = 10**5  # more are a slip of the keys
MOST_MAPPING_LAYERS = 16


def job_dir(values: flags.FlagValues) -> None:
    """The flags of a command that needs a run alone."""
    text = "The run directory: a local folder, or gs://bucket/folder."
    Group(values, "run").text("job_dir", None, text, required=True)


def checkpoint(values: flags.FlagValues) -> None:
    """Which of a run's checkpoints a command takes."""
    text = "latest, best, a step, or a path without suffix."
    Group(values, "run").text("checkpoint", choices.LATEST, text)


def log(values: flags.FlagValues) -> None:
    """The flags of every command."""
    group = Group(values, "log")
    group.switch("quiet", False, "Show results and errors alone.")
    group.switch("verbose", False, "Show TensorFlow's own lines, too.")


def train(values: flags.FlagValues) -> None:
    """The flags of `train`."""
    job_dir(values)
    data_flag_definitions.define(values)
    _define_run(values)
    _define_recipe(values)
    _define_networks(values)
    _define_objective(values)
    _define_growth(values)
    _define_completion(values)
    _define_optimizers(values)
    _define_runtime(values)


def _define_run(values: flags.FlagValues) -> None:
    run = Group(values, "run")
    run.integer("epochs", 50, "Passes over the data set (the preset's, unless given).", 1)
    run.integer("steps", None, "Generator updates; overrides --epochs.", 1)
    text = (
        "Instead of --epochs and --steps: the first start measures its speed and plans as many "
        "steps as fit, from the command's start until the models are written."
    )
    run.number("minutes", None, text)
    text = "Epochs between image grids; more of them where there would be over 100 grids."
    run.integer("save_interval", 1, text, 1)
    text = (
        "Steps between checkpoints. 0: one about every half minute, or more rarely where saving "
        "would take over a twentieth of the time."
    )
    run.integer("checkpoint_interval", 0, text, 0)
    run.integer("keep_checkpoints", 3, "Newest checkpoints to keep.", 1)
    text = (
        "Steps between evaluations, with which come checkpoints; there is one at the end, too. "
        "0: none."
    )
    run.integer("evaluation_interval", choices.EVALUATION_INTERVAL, text, 0)
    text = "Images that are drawn for an evaluation while the run trains."
    run.integer("evaluation_samples", 5000, text, choices.FEWEST_SAMPLES)
    text = "Steps between two looks at the host; 0: as many as take about two seconds."
    run.integer("steps_per_loop", 0, text, 0)
    text = (
        "First and last step of a profile, like 100,120: a table in results/profile.txt, a trace "
        "in TensorBoard."
    )
    run.text("profile_steps", "", text)
    text = (
        "Start with another run's latest weights, wherever a layer's name and shape agree: also of "
        "other classes, sizes or recipes; of a run that grows, once all its sides are there. A "
        "local folder, or gs://bucket/folder; read by the first start alone."
    )
    run.text("initialize_from", None, text)
    text = "Print the resolved configuration and the networks, train nothing."
    run.switch("dry_run", False, text)


def _define_recipe(values: flags.FlagValues) -> None:
    recipe = Group(values, "recipe")
    recipe.text(
        "preset",
        "fashion",
        "The recipe, whose values stand here; `fashion-gan presets` compares them.",
    )
    recipe.integer("batch_size", None, "Images an update, over all replicas.", 1)
    text = (
        "Half-life of the generator's moving average, in images that it has drawn; 0: none. It is "
        "never more than a twentieth of them, unless --initialize_from gives all of its layers: "
        "with that a preset's is at most 40,000."
    )
    recipe.number("ema_half_life", 0.0, text)
    text = "Decides the initial weights, the data order and every draw."
    recipe.integer("seed", 0, text, 0, choices.MAX_SEED)
    text = (
        "Of activations; weights, losses, outputs and penalties stay in float32. auto: bfloat16 "
        "where the machine of the run's first start has instructions for it and a step is at least "
        "a tenth faster so, else float32."
    )
    recipe.choice("precision", "float32", choices.PRECISIONS, text)


def _define_networks(values: flags.FlagValues) -> None:
    networks = Group(values, "networks")
    networks.choice("architecture", None, choices.ARCHITECTURES, "What the networks are.")
    networks.integer("noise_dim", None, "Dimensions of a latent.", 1, 10**6)
    text = "Labels of all chosen attributes go into both networks."
    networks.switch("conditional", False, text)
    text = (
        "Share of an attribute's labels that training leaves out, so that any may be left out "
        f"later; unless given, {choices.ATTRIBUTE_DROPOUT} with several attributes, else 0."
    )
    networks.number("attribute_dropout", None, text)
    text = "Divide the discriminator's kernels by their largest singular value."
    networks.switch("spectral_norm", False, text)
    networks.number("dropout", 0.0, "Dropout rate in the discriminator.")
    text = (
        "Channels at the finest side, twice as many at each coarser one; the architecture's, "
        "unless given."
    )
    networks.integer("width", None, text, 1, MOST_CHANNELS)
    text = (
        "The most channels at any side; unless given, the architecture's, larger or smaller as "
        "--width is."
    )
    networks.integer("max_width", None, text, 1, MOST_CHANNELS)
    text = (
        "Layers of the mapping network, which makes styles of latents; 0: styles are the latents, "
        "and images more various. The architecture's, unless given."
    )
    networks.integer("mapping_layers", None, text, 0, MOST_MAPPING_LAYERS)


def _define_objective(values: flags.FlagValues) -> None:
    objective = Group(values, "objective")
    objective.choice("loss", "bce", choices.LOSSES, "The loss of both networks.")
    text = "Both networks at once, or the discriminator, then the generator."
    objective.choice("update", "simultaneous", choices.UPDATES, text)
    text = "Discriminator updates a generator update."
    objective.integer("critic_steps", 1, text, 1, 100)
    text = "Move the targets of bce and lsgan towards each other by up to this much."
    objective.number("label_noise", 0.0, text)
    text = "Weight of the penalty on gradient norms other than one, between real and fake images."
    objective.number("gradient_penalty", 0.0, text)
    objective.number("r1", 0.0, "Gamma of the penalty on squared gradient norms at real images.")
    objective.number("r2", 0.0, "Gamma of the penalty on squared gradient norms at fake images.")
    text = "Discriminator updates between penalised ones, which then weigh as much more."
    objective.integer("penalty_interval", 1, text, 1, 1000)
    _define_schedule(objective, "penalty", "the penalty")
    text = "Bound of the critic's weights; 0: none."
    objective.number("weight_clip", 0.0, text)
    text = (
        "The weight of a loss by which a discriminator that projects labels learns to tell those "
        "of real images, too: samples show what they are asked for; 0: none."
    )
    objective.number("classification", 0.0, text)
    text = (
        "Of --classification: by the projection, so that samples are more typical of their labels, "
        "and vary less; or by an auxiliary layer, from which the generator learns nothing."
    )
    objective.choice("classifier", "projection", choices.CLASSIFIERS, text)
    text = (
        "Of style-based generators: the share of the fakes of which some layers get the style of "
        "another latent."
    )
    objective.number("style_mixing", 0.0, text)
    text = "Of style-based generators: the weight of path length regularisation; 2 in the paper."
    objective.number("path_length", 0.0, text)
    objective.switch("flip", False, "Mirror half of the real images, chosen anew in each update.")
    text = (
        "What is done to all images that the discriminator sees, by names joined by commas: "
        f"{', '.join(choices.AUGMENTATIONS)}; none if empty. With adaptive among them each is done "
        "with a probability that rises while the discriminator overfits; adaptive alone: all."
    )
    objective.text("augment", "", text)
    text = (
        "Of adaptive: the mean sign of the logits of real images above which the probability "
        "rises. With --loss=relativistic and wgan, of their distance from the fakes' logits, of "
        "which 0.77 is as much as 0.6 of the others."
    )
    objective.number("augment_target", choices.AUGMENT_TARGET, text)


def _define_growth(values: flags.FlagValues) -> None:
    growth = Group(values, "growth")
    text = (
        "Train at this side first, and double it until it is the images'; 0: all of it at once. Of "
        f"architectures that can: {', '.join(choices.GROWING)}."
    )
    growth.integer("grow_from", 0, text, 0, 256)
    text = "Images seen at each side before the next one."
    growth.integer("grow_images", 0, text, 0, 10**9)
    text = "Images seen while a side is faded in, before those of --grow_images."
    growth.integer("fade_images", 0, text, 0, 10**9)


def _define_completion(values: flags.FlagValues) -> None:
    completion = Group(values, "completion")
    text = (
        "Which parts of pictures are missing, in equal shares, by names joined by commas: "
        f"{', '.join(choices.MASKS)}. Of architectures that complete: "
        f"{', '.join(choices.COMPLETING)}."
    )
    completion.text("masks", "", text)
    text = (
        "Weight of the distance between the picture and the mean of two completions, where it is "
        "missing: the larger, the nearer to the picture, and the smoother."
    )
    completion.number("reconstruction", 0.0, text)
    text = (
        "How much completions of one picture are to differ: 1 as much as pictures do of which the "
        "same is known; from 0 on, and below 1.7."
    )
    completion.number("diversity", 0.0, text)
    text = (
        "Weight of the loss by which the generator learns to tell labels by what is known of a "
        "picture, for pictures whose labels are not given; 0: it tells none."
    )
    completion.number("recognition", 0.0, text)


def _define_optimizers(values: flags.FlagValues) -> None:
    optimizers = Group(values, "optimizers")
    optimizers.choice("optimizer", "adam", choices.OPTIMIZERS, "The optimizer of both networks.")
    for name in choices.NETWORKS:
        text = f"Learning rate of the {name} at the start."
        optimizers.number(f"{name}_learning_rate", None, text)
        _define_schedule(optimizers, name, f"the {name}'s learning rate")
        text = f"Adam's decay of the {name}'s mean gradient."
        optimizers.number(f"{name}_beta_1", 0.9, text)
        text = f"Adam's decay of the {name}'s mean squared gradient; RMSprop's rho."
        optimizers.number(f"{name}_beta_2", 0.999, text)


def _define_schedule(group: Group, name: str, what: str) -> None:
    text = f"How {what} falls until the end of the run as first planned."
    group.choice(f"{name}_schedule", "constant", choices.SCHEDULES, text)
    group.number(f"{name}_final_factor", 1.0, f"Share of {what} that is left then.")


def _define_runtime(values: flags.FlagValues) -> None:
    runtime = Group(values, "runtime")
    text = (
        "multi_worker: over all machines that TF_CONFIG names. auto: that where it names several, "
        "else mirrored over several GPUs or virtual devices, else one device."
    )
    runtime.choice("strategy", "auto", choices.STRATEGIES, text)
    text = (
        "The step as one XLA program, between several replicas in parts. auto: on GPUs. A run "
        "keeps what it was started with."
    )
    runtime.choice("jit_compile", "auto", choices.JIT_COMPILE, text)
    text = (
        "Of convolutions and the like. auto: those that were measured to be fast on this kind of "
        "processor; library: TensorFlow's own. A run keeps what it was started with."
    )
    runtime.choice("forms", "auto", choices.FORMS, text)
    text = "Split the CPU into this many devices, for runs of several replicas without GPUs."
    runtime.integer("virtual_devices", 0, text, 0, 64)
    runtime.integer("threads", 0, "Threads within an operation; 0: all cores.", 0, 4096)
    text = "Seconds within which all workers of a cluster must appear."
    runtime.integer("cluster_timeout", 600, text, 1, 86_400)
    text = (
        "When a worker of a cluster has lost another one, it starts itself anew in place and waits "
        "for that one's successor, at most so often without a step in between; 0: it leaves (143)."
    )
    runtime.integer("rejoin", 0, text, 0, 1000)
    text = (
        "Port, on all addresses, on which Prometheus finds step, losses, images a second, restarts "
        "and seconds since the last checkpoint, as does anyone else who reaches it; 0: none."
    )
    runtime.integer("metrics_port", 0, text, 0, 65535)
    text = "Use only operations that give the same bits again."
    runtime.switch("deterministic", True, text)
