"""What lies where in a run directory: paths relative to it, and to a bucket's folder."""

from __future__ import annotations

CONFIG = "config.json"  # there once the run has started
METRICS = "metrics.jsonl"
EVALUATIONS = "evaluations.jsonl"  # lines by the run and by `evaluate`
RESTARTS = "restarts"
FEATURES = "features"  # a folder: networks that the run was evaluated with; also one of the cache

CHECKPOINTS = "checkpoints"  # names in it: `checkpoint_files`

TENSORBOARD = "tensorboard"
TRAINING_EVENTS, EVALUATION_EVENTS = f"{TENSORBOARD}/train", f"{TENSORBOARD}/eval"

MODELS = "models"
CARD, CARD_PICTURE = "README.md", "samples.png"  # beside models, also elsewhere
MODEL_CARD = f"{MODELS}/{CARD}"
SAMPLES = f"{MODELS}/{CARD_PICTURE}"

RESULTS = "results"
REAL = f"{RESULTS}/real.png"  # what generated images are to look like, in the same rows
PREVIEW = f"{RESULTS}/latest.png"  # as of the latest checkpoint, while a run trains
GRIDS = "epoch_*.png"  # in the results
ANIMATION = f"{RESULTS}/training.gif"
LOSS_CURVES = f"{RESULTS}/loss_curves.png"
PROFILE = f"{RESULTS}/profile.txt"
OF_AN_END = f"{RESULTS}/.of_an_end"  # a mark: results that lie there, and no later ones
FINISHED = f"{RESULTS}/final.png"  # the last file that a run writes

# The split that a generator was compared with, in the field `against` of evaluations: a run, which
# must not use the test images, writes lines with the first value, `evaluate` with the second.
TRAIN, TEST = "train", "test"


def model(network: str) -> str:
    """The file of a trained network."""
    return f"{MODELS}/{network}.keras"


def grid(epoch: int) -> str:
    """The picture of samples of an epoch."""
    return f"{RESULTS}/epoch_{epoch:05d}.png"
