"""What commands are asked for, as frozen dataclasses made once from the flags.

`Recipe` is what the result depends on: a resume must agree with it. `Schedule` and `Runtime`
may change between one start of a run and the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.cloud.data_places import DataPlaces
from trainer.cloud.url import GsUrl
from trainer.configuration.choices import ADAPTIVE
from trainer.configuration.completion import Completion
from trainer.configuration.growth import Growth
from trainer.data.datasets import DataChoice, DatasetSpec


@dataclass(frozen=True)
class Networks:
    """What the two networks are."""

    architecture: str
    noise_dim: int  # dimensions of a latent
    conditional: bool  # labels of all attributes go into both networks
    attribute_dropout: float  # share of the labels that training leaves out
    spectral_norm: bool  # in the discriminator
    dropout: float  # rate, in the discriminator
    width: int  # channels at the finest side; 0: the architecture has no such number
    max_width: int  # the most channels at any side; 0: the same
    mapping_layers: int  # that make styles of latents; 0: styles are latents, or there are none


@dataclass(frozen=True)
class Objective:
    """What the two networks are trained for."""

    loss: str
    update: str  # of both networks at once, or of one after the other
    critic_steps: int  # discriminator updates a generator update
    label_noise: float  # targets move by up to this much
    gradient_penalty: float  # weight; 0: none
    r1: float  # gamma; 0: none
    r2: float  # gamma; 0: none
    penalty_interval: int  # discriminator updates between penalised ones
    penalty_schedule: str
    penalty_final_factor: float  # share of the penalty that is left at the horizon
    weight_clip: float  # bound of the discriminator's weights; 0: none
    classification: float  # weight of that of real images by the discriminator; 0: none
    classifier: str  # what tells the labels: the projection, or a layer of its own
    style_mixing: float  # share of the fakes whose layers get two styles
    path_length: float  # weight of path length regularisation; 0: none
    flip: bool  # half of the real images are mirrored
    augment: str  # names of `choices.AUGMENTATIONS`, joined by commas; `adaptive` before them
    augment_target: float  # mean sign of real images' logits, which `adaptive` aims at

    @property
    def has_auxiliary_classifier(self) -> bool:
        """Whether a layer of the discriminator is trained to classify, and for nothing else."""
        return bool(self.classification) and self.classifier == "auxiliary"

    @property
    def augmentations(self) -> tuple[str, ...]:
        """What is done to images, in order."""
        return tuple(name for name in self.augment.split(",") if name not in ("", ADAPTIVE))

    @property
    def augments_adaptively(self) -> bool:
        """Whether that is done only at times, with a probability that follows the discriminator."""
        return ADAPTIVE in self.augment.split(",")

    @property
    def penalised(self) -> bool:
        """Whether a penalty differentiates the discriminator by its input."""
        return bool(self.gradient_penalty or self.r1 or self.r2)

    @property
    def at_times_penalised(self) -> bool:
        """Whether some of the updates of a penalised discriminator have no penalty."""
        return self.penalised and (self.penalty_interval > 1 or self.update == "alternating")


@dataclass(frozen=True)
class OptimizerSettings:
    """How one network follows its gradient."""

    learning_rate: float  # at the start
    schedule: str
    final_factor: float  # share of the learning rate that is left at the horizon
    beta_1: float  # Adam's decay of the mean
    beta_2: float  # Adam's decay of the mean square; RMSprop's rho


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the bits of the trained model, versions and hardware aside."""

    data: DatasetSpec
    networks: Networks
    objective: Objective
    growth: Growth
    completion: Completion
    optimizer: str
    generator: OptimizerSettings
    discriminator: OptimizerSettings
    batch_size: int  # images an update, over all replicas
    ema_half_life: float  # images; 0: no moving average of the generator
    ema_ramp_up: bool  # whether it is shorter at first; not where it starts with all of another's
    precision: str  # of activations; auto until the run starts. Variables are always float32
    seed: int
    initialize_from: str  # digest of another run's weights that it starts with; empty: of none


@dataclass(frozen=True)
class Execution:
    """How a step is computed: the same training in other bits. A run keeps its first start's."""

    jit_compile: bool | None  # the step as an XLA program; None: on GPUs, until the run starts
    forms: str  # a row of `models/forms.FORMS`; auto: of this machine, until the run starts


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how often to save and show."""

    epochs: int
    steps: int | None  # overrides epochs
    minutes: float | None  # overrides both: the first start plans its steps by it
    save_interval: int  # epochs between image grids
    checkpoint_interval: int  # steps; 0: by time
    keep_checkpoints: int
    evaluation_interval: int  # steps; 0: never
    evaluation_samples: int  # images
    steps_per_loop: int  # 0: chosen so that a loop lasts about two seconds
    profile_steps: tuple[int, ...]  # the first and the last step of the profile, or none


@dataclass(frozen=True)
class Runtime:
    """Where and how the computation runs."""

    strategy: str
    virtual_devices: int  # logical CPU devices, 0: none
    threads: int  # intra-op
    metrics_port: int  # for Prometheus, 0: none
    deterministic: bool
    cluster_timeout: int  # seconds for all workers to appear


@dataclass(frozen=True)
class TrainConfig:
    """What `train` is asked for.

    Folders are local here and in what follows. One with a URL is the local copy of a bucket's.
    """

    preset: str
    job_dir: Path
    places: DataPlaces
    data: DataChoice  # of which the recipe has the specification
    recipe: Recipe
    execution: Execution
    schedule: Schedule
    runtime: Runtime
    given: frozenset[str]  # names of the flags that the user gave, the preset's not among them
    dry_run: bool = False
    rejoin: int = 0  # times that a worker starts itself anew when it has lost another
    job_dir_url: GsUrl | None = None
    initialize_from: Path | None = None  # another run's directory
    initialize_from_url: GsUrl | None = None


@dataclass(frozen=True)
class GenerateConfig:
    """What `generate` is asked for."""

    job_dir: Path
    output: Path  # .png, .gif, .npz, or a folder
    num: int | None  # images, or frames of a .gif
    seed: int
    labels: tuple[str, ...]  # of one image each, taken by turns; none: all of one attribute
    truncation: float | None  # standard deviations of latents; of styles the way from the mean
    checkpoint: str  # latest, best, a step, or a path
    latents: Path | None = None  # an .npz that says what is drawn
    job_dir_url: GsUrl | None = None


@dataclass(frozen=True)
class ExportConfig:
    """What `export` is asked for."""

    job_dir: Path
    output: Path
    format: str
    network: str
    noise: str  # of choices.NOISES
    checkpoint: str  # latest, best, a step, or a path
    job_dir_url: GsUrl | None = None


@dataclass(frozen=True)
class Measurement:
    """How `evaluate` measures: figures can be compared where all but `cas` is the same."""

    num: int  # images to draw
    seed: int
    features: str | None  # None: the default of the data set
    cas: bool  # whether a classifier learns from the images drawn


@dataclass(frozen=True)
class EvaluateConfig:
    """What `evaluate` is asked for."""

    job_dir: Path
    places: DataPlaces
    measurement: Measurement
    checkpoint: str  # latest, best, a step, or a path
    new: bool  # every checkpoint that was not measured yet
    watch: bool  # those, and each that comes until the run is complete
    threads: int  # intra-op
    job_dir_url: GsUrl | None = None


@dataclass(frozen=True)
class PlotConfig:
    """What `plot` is asked for."""

    job_dir: Path
    job_dir_url: GsUrl | None = None


@dataclass(frozen=True)
class RunsConfig:
    """What `runs` is asked for."""

    folder: Path
    plot: bool  # whether their curves are drawn
    folder_url: GsUrl | None = None


@dataclass(frozen=True)
class PrepareConfig:
    """What `prepare_data` is asked for."""

    data: DatasetSpec
    places: DataPlaces
    source: Path | None  # a folder of the original files; None: the usual places
    own_features: bool  # whether to train the networks that the set is evaluated with
    threads: int  # intra-op
