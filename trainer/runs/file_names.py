"""Names in a run directory that several folders of the package use, and evaluations' `against`."""

from __future__ import annotations

METRICS_FILE = "metrics.jsonl"
EVALUATIONS_FILE = "evaluations.jsonl"  # lines by the run and by `evaluate`
FEATURES = "features"  # a folder: networks that the run was evaluated with
MODEL_CARD = "models/README.md"
FINISHED = "results/final.png"  # the last file that a run writes

# The split that a generator was compared with, in the field `against` of evaluations: a run, which
# must not use the test images, writes lines with the first value, `evaluate` with the second.
TRAIN, TEST = "train", "test"
