"""The flags of `train` and those of all commands: name, default, values, text for `--help`."""

from __future__ import annotations

from absl import flags

from trainer.configuration import choices, data_flag_definitions
from trainer.configuration.flag_groups import Group

MOST_CHANNELS = 10**5  # more are a slip of the keys
MOST_MAPPING_LAYERS = 16


def job_dir(values: flags.FlagValues) -> None:
    """The flags of a command that needs only a run."""
    text = "The run directory: a local folder, or gs://bucket/folder."
    Group(values, "run").text("job_dir", None, text, required=True)


def checkpoint(values: flags.FlagValues) -> None:
    """Which of a run's checkpoints a command takes."""
    text = "latest, best, a step, or a path without suffix."
    Group(values, "run").text("checkpoint", choices.LATEST, text)


def log(values: flags.FlagValues) -> None:
    """The flags of every command."""
    group = Group(values, "log")
    group.switch("quiet", False, "Show only results and errors.")
    group.switch("verbose", False, "Also show TensorFlow's own log lines.")


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
    run.integer("epochs", 50, "Passes over the data set (unless given, the preset's).", 1)
    run.integer("steps", None, "Generator updates; overrides --epochs.", 1)
    text = (
        "Instead of --epochs and --steps: the first start measures its speed and plans as many "
        "steps as fit into that time, from the command's start until the models are written."
    )
    run.number("minutes", None, text)
    text = "Epochs between image grids; raised where there would be more than 100 grids."
    run.integer("save_interval", 1, text, 1)
    text = (
        "Steps between checkpoints. 0: one about every half minute, or less often where saving "
        "would take more than a twentieth of the time."
    )
    run.integer("checkpoint_interval", 0, text, 0)
    run.integer("keep_checkpoints", 3, "Newest checkpoints to keep.", 1)
    text = (
        "Steps between evaluations, each with a checkpoint; there is also one at the end. 0: none."
    )
    run.integer("evaluation_interval", choices.EVALUATION_INTERVAL, text, 0)
    text = "Images drawn for each evaluation while the run trains."
    run.integer("evaluation_samples", 5000, text, choices.FEWEST_SAMPLES)
    text = (
        "Training steps per loop, after which signals, records and saves are handled; 0: as many "
        "as take about two seconds."
    )
    run.integer("steps_per_loop", 0, text, 0)
    text = (
        "First and last step to profile, like 100,120: a table in results/profile.txt, a trace in "
        "TensorBoard."
    )
    run.text("profile_steps", "", text)
    text = (
        "Start with another run's latest weights, wherever a layer's name and shape agree, even if "
        "classes, sizes or recipes differ; a growing run must have all its sides. A local folder, "
        "or gs://bucket/folder; read only by the first start."
    )
    run.text("initialize_from", None, text)
    text = "Print the resolved configuration and the networks; train nothing."
    run.switch("dry_run", False, text)


def _define_recipe(values: flags.FlagValues) -> None:
    recipe = Group(values, "recipe")
    recipe.text(
        "preset",
        "fashion",
        "The recipe, whose values are shown here; `fashion-gan presets` compares them all.",
    )
    recipe.integer("batch_size", None, "Images per update, over all replicas.", 1)
    text = (
        "Half-life of the generator's moving average, in images it has drawn; 0: no average. "
        "Capped at a twentieth of those drawn so far, unless --initialize_from gives all of its "
        "layers; with that flag, a preset's is at most 40,000."
    )
    recipe.number("ema_half_life", 0.0, text)
    text = "Determines the initial weights, the data order and every random draw."
    recipe.integer("seed", 0, text, 0, choices.MAX_SEED)
    text = (
        "Precision of activations; weights, losses, outputs and penalties stay in float32. auto: "
        "bfloat16 where the machine of the run's first start has instructions for it and a step is "
        "at least a tenth faster with it, else float32."
    )
    recipe.choice("precision", "float32", choices.PRECISIONS, text)


def _define_networks(values: flags.FlagValues) -> None:
    networks = Group(values, "networks")
    networks.choice("architecture", None, choices.ARCHITECTURES, "How the networks are built.")
    networks.integer("noise_dim", None, "Dimensions of a latent.", 1, 10**6)
    text = "Give the labels of all chosen attributes to both networks."
    networks.switch("conditional", False, text)
    text = (
        "Share of each attribute's labels that training leaves out, so that any can be left out "
        f"later; unless given, {choices.ATTRIBUTE_DROPOUT} with several attributes, else 0."
    )
    networks.number("attribute_dropout", None, text)
    text = "Divide the discriminator's kernels by their largest singular value."
    networks.switch("spectral_norm", False, text)
    networks.number("dropout", 0.0, "Dropout rate in the discriminator.")
    text = (
        "Channels at the finest side, twice as many at each coarser one; unless given, the "
        "architecture's."
    )
    networks.integer("width", None, text, 1, MOST_CHANNELS)
    text = (
        "The most channels at any side; unless given, the architecture's, scaled in proportion to "
        "--width."
    )
    networks.integer("max_width", None, text, 1, MOST_CHANNELS)
    text = (
        "Layers of the mapping network, which turns latents into styles; 0: latents serve as "
        "styles, and images vary more. Unless given, the architecture's."
    )
    networks.integer("mapping_layers", None, text, 0, MOST_MAPPING_LAYERS)


def _define_objective(values: flags.FlagValues) -> None:
    objective = Group(values, "objective")
    objective.choice("loss", "bce", choices.LOSSES, "The loss of both networks.")
    text = "Update both networks at once, or the discriminator, then the generator."
    objective.choice("update", "simultaneous", choices.UPDATES, text)
    text = "Discriminator updates per generator update."
    objective.integer("critic_steps", 1, text, 1, 100)
    text = "Move the targets of bce and lsgan towards each other by up to this much."
    objective.number("label_noise", 0.0, text)
    text = "Weight of the penalty on gradient norms other than one, between real and fake images."
    objective.number("gradient_penalty", 0.0, text)
    objective.number("r1", 0.0, "Gamma of the penalty on squared gradient norms at real images.")
    objective.number("r2", 0.0, "Gamma of the penalty on squared gradient norms at fake images.")
    text = "Penalise one in so many discriminator updates, weighted up by the same factor."
    objective.integer("penalty_interval", 1, text, 1, 1000)
    _define_schedule(objective, "penalty", "the penalty")
    text = "Bound on the critic's weights; 0: none."
    objective.number("weight_clip", 0.0, text)
    text = (
        "Weight of a loss by which a discriminator that projects labels also learns to recognise "
        "those of real images, so that samples show what is asked for; 0: none."
    )
    objective.number("classification", 0.0, text)
    text = (
        "For --classification: the projection, so that samples are more typical of their labels, "
        "and vary less; or an auxiliary layer, from which the generator learns nothing."
    )
    objective.choice("classifier", "projection", choices.CLASSIFIERS, text)
    text = (
        "For style-based generators: the share of fakes in which some layers get the style of "
        "another latent."
    )
    objective.number("style_mixing", 0.0, text)
    text = "For style-based generators: the weight of path length regularisation; 2 in the paper."
    objective.number("path_length", 0.0, text)
    objective.switch("flip", False, "Mirror half of the real images, chosen anew for each update.")
    text = (
        "How all images that the discriminator sees are augmented: names, separated by commas, of "
        f"{', '.join(choices.AUGMENTATIONS)}; none if empty. With adaptive among them, each is "
        "done with a probability that rises while the discriminator overfits; adaptive alone: all."
    )
    objective.text("augment", "", text)
    text = (
        "For adaptive: the mean sign of real images' logits that the probability aims at. With "
        "--loss=relativistic and wgan the sign is of the real logit minus the fake's; there 0.77 "
        "is as strict as 0.6 elsewhere."
    )
    objective.number("augment_target", choices.AUGMENT_TARGET, text)


def _define_growth(values: flags.FlagValues) -> None:
    growth = Group(values, "growth")
    text = (
        "Train at this side first, and double it until it is the images'; 0: start with all of it. "
        f"For architectures that can grow: {', '.join(choices.GROWING)}."
    )
    growth.integer("grow_from", 0, text, 0, 256)
    text = "Images seen at each side before the next one."
    growth.integer("grow_images", 0, text, 0, 10**9)
    text = "Images seen while a side is faded in, before those of --grow_images."
    growth.integer("fade_images", 0, text, 0, 10**9)


def _define_completion(values: flags.FlagValues) -> None:
    completion = Group(values, "completion")
    text = (
        "Which parts of pictures are missing, in equal shares: names, separated by commas, of "
        f"{', '.join(choices.MASKS)}. For architectures that complete pictures: "
        f"{', '.join(choices.COMPLETING)}."
    )
    completion.text("masks", "", text)
    text = (
        "Weight of the distance, in missing parts, between the picture and the mean of two "
        "completions: the larger, the nearer to the picture, and the smoother."
    )
    completion.number("reconstruction", 0.0, text)
    text = (
        "How much completions of one picture should differ; 1: as much as pictures that share the "
        "same known parts. At least 0, and below 1.7."
    )
    completion.number("diversity", 0.0, text)
    text = (
        "Weight of the loss by which the generator learns to recognise labels from the known parts "
        "of a picture, for pictures whose labels are not given; 0: it recognises none."
    )
    completion.number("recognition", 0.0, text)


def _define_optimizers(values: flags.FlagValues) -> None:
    optimizers = Group(values, "optimizers")
    optimizers.choice("optimizer", "adam", choices.OPTIMIZERS, "The optimizer of both networks.")
    for name in choices.NETWORKS:
        text = f"Learning rate of the {name} at the start."
        optimizers.number(f"{name}_learning_rate", None, text)
        _define_schedule(optimizers, name, f"the {name}'s learning rate")
        text = f"Adam's decay rate for the mean of the {name}'s gradient."
        optimizers.number(f"{name}_beta_1", 0.9, text)
        text = f"Adam's decay rate for the mean of the {name}'s squared gradient; RMSprop's rho."
        optimizers.number(f"{name}_beta_2", 0.999, text)


def _define_schedule(group: Group, name: str, what: str) -> None:
    text = f"How {what} decays until the run's end as first planned."
    group.choice(f"{name}_schedule", "constant", choices.SCHEDULES, text)
    group.number(f"{name}_final_factor", 1.0, f"Share of {what} left at that end.")


def _define_runtime(values: flags.FlagValues) -> None:
    runtime = Group(values, "runtime")
    text = (
        "multi_worker: over all machines that TF_CONFIG names. auto: that if it names several, "
        "else mirrored over several GPUs or virtual devices, else one device."
    )
    runtime.choice("strategy", "auto", choices.STRATEGIES, text)
    text = (
        "Compile the step into one XLA program, or with several replicas into parts. auto: on "
        "GPUs. A run keeps what it was started with."
    )
    runtime.choice("jit_compile", "auto", choices.JIT_COMPILE, text)
    text = (
        "How convolutions and the like are computed. auto: in the ways measured to be fast on this "
        "kind of processor; library: in TensorFlow's own. A run keeps what it was started with."
    )
    runtime.choice("forms", "auto", choices.FORMS, text)
    text = "Split the CPU into this many devices, for runs of several replicas without GPUs."
    runtime.integer("virtual_devices", 0, text, 0, 64)
    runtime.integer("threads", 0, "Threads within an operation; 0: all cores.", 0, 4096)
    text = "Seconds within which all workers of a cluster must appear."
    runtime.integer("cluster_timeout", 600, text, 1, 86_400)
    text = (
        "How often at most, with no step in between, a worker of a cluster that has lost another "
        "restarts in place and waits for that one's successor; 0: it exits (143)."
    )
    runtime.integer("rejoin", 0, text, 0, 1000)
    text = (
        "Port, on all addresses, where Prometheus, and anyone else who can reach it, finds step, "
        "losses, images per second, restarts and seconds since the last checkpoint; 0: none."
    )
    runtime.integer("metrics_port", 0, text, 0, 65535)
    text = "Use only operations that reproduce the same bits."
    runtime.switch("deterministic", True, text)
