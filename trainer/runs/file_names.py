"""Names in a run directory that more than one room knows, and who writes which evaluations."""

from __future__ import annotations

METRICS_FILE = "metrics.jsonl"
EVALUATIONS_FILE = "evaluations.jsonl"  # lines by the run itself and by those who measure it
FINISHED = "results/final.png"  # written when all else of a run is

# What a generator was judged against, in the field `against` of evaluations. A run, which must
# not see the test images, writes the lines of the first kind, `evaluate` those of the second.
TRAIN, TEST = "train", "test"
