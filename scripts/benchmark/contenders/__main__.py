"""A process that one contender has for itself, so that no library meets another.

    python -m scripts.benchmark.contenders '{"module": "pytorch", "batch_size": 256, ...}'

Says in a line of JSON on standard output when its first step is done. Then each line of standard
input is a number of steps to train, and is answered with what they took.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.configuration import flags
from trainer.data import loading
from trainer.data.datasets import DATASETS
from trainer.system.exits import first_line

if TYPE_CHECKING:
    from scripts.benchmark.contenders import Train


def main(asked: dict[str, Any]) -> None:
    """Serves until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # libraries print
    try:
        train = prepared(asked)
        answers.write(json.dumps(measured(train, 1)) + "\n")
        for line in sys.stdin:
            answers.write(json.dumps(measured(train, int(line))) + "\n")
    except Exception as error:
        traceback.print_exc()
        answers.write(json.dumps({"reason": first_line(error)}) + "\n")


def prepared(asked: dict[str, Any]) -> Train:
    """The contender, with its data."""
    module = importlib.import_module(f"scripts.benchmark.contenders.{asked['module']}")
    data_dir = flags.train(["train", "--job_dir=unused"]).places.data_dir
    images, _ = loading.load(DATASETS["fashion_mnist"], "train", data_dir, data_dir)
    return module.prepare(images, asked["batch_size"], asked["precision"], **asked["options"])


def measured(train: Train, steps: int) -> dict[str, float]:
    """What so many steps take.

    Raises:
      FloatingPointError: the loss of the last is not finite.
    """
    cpu, wall = time.process_time(), time.perf_counter()
    loss = train(steps)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss}")
    return {"seconds": wall, "cpu_seconds": cpu, "memory_mib": most_memory(), "loss": loss}


def most_memory() -> float:
    """MiB that this process has had at most; `ru_maxrss` is at least what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 2**10


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
