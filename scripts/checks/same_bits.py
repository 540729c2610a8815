#!/usr/bin/env python3
"""Trains every preset with the code of another revision and with this: all tensors must be equal.

    python -m scripts.checks.same_bits OUTPUT_DIR REVISION [PRESET...]

A few steps at batch 8, on one and on two devices, in float32 and in bfloat16. Only runs of one
machine compare; those that OUTPUT_DIR holds already are not made again, so that the first half
can be made before a change, by the revision it starts from, and the second after it: to make this
code's runs again, remove OUTPUT_DIR/here. Prints a line a case; the exit code is 1 if any differs.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tensorflow as tf

from scripts.checks import history

PRESETS = ("classic", "conditional", "dcgan", "fashion", "fashion_gan", "lsgan", "mlp", "r3gan")
PRESETS += ("sngan", "wgan", "wgan_gp")
STEPS = 6
AT_ONCE = 2  # trainings, of a thread each

Checksums = dict[str, int]  # of tensors, by their names in the checkpoint


def main(output: Path, revision: str, presets: list[str]) -> int:
    """Makes the runs of both; the number of cases that differ."""
    code = {"here": history.ROOT, revision: history.check_out(revision, output / revision)}
    cases = list(itertools.product(presets, (1, 2), ("float32", "bfloat16")))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {
            (name, case): pool.submit(checksums, folder, output / name, *case)
            for case in cases
            for name, folder in code.items()
        }
        different = 0
        for case in cases:
            ours, theirs = (futures[name, case].result() for name in code)
            names = [name for name in theirs if theirs[name] != ours.get(name)]
            differs = bool(names) or ours.keys() != theirs.keys()
            different += differs
            verdict = f"{len(names)} of {len(theirs)} tensors differ" if differs else "same bits"
            print(f"{case[0]:<12} {case[1]} device(s) {case[2]:<9} {verdict}", flush=True)
    return different


def checksums(code: Path, kept: Path, preset: str, devices: int, precision: str) -> Checksums:
    """Of the last checkpoint of a short training, which is made unless its checksums are kept."""
    name = f"{preset}-{devices}-{precision}"
    file = kept / f"{name}.json"
    if not file.exists():
        kept.mkdir(parents=True, exist_ok=True)
        job_dir = kept / name
        history.run(
            *(code, kept / f"{name}.log"),
            *("train", f"--job_dir={job_dir.resolve()}", f"--preset={preset}"),
            *("--dataset=synthetic", f"--steps={STEPS}", "--batch_size=8", "--threads=1"),
            *(f"--virtual_devices={devices}", f"--precision={precision}"),
            *("--evaluation_interval=0", "--steps_per_loop=2"),
        )
        reader = tf.train.load_checkpoint(str(job_dir / "checkpoints" / f"ckpt-{STEPS}"))
        found = {
            tensor: zlib.crc32(reader.get_tensor(tensor).tobytes())
            for tensor in reader.get_variable_to_shape_map()
            if tensor.endswith("VARIABLE_VALUE")
        }
        file.write_text(json.dumps(found, indent=1, sort_keys=True))
        shutil.rmtree(job_dir)
    stored: Checksums = json.loads(file.read_text())
    return stored


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    raise SystemExit(min(1, main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:] or list(PRESETS))))
