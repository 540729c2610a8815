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
from pathlib import Path

import tensorflow as tf

from scripts.checks import history
from trainer.configuration import presets

STEPS = 6
AT_ONCE = 2  # trainings, of a thread each

Case = tuple[str, int, str]  # preset, devices, precision
Checksums = dict[str, int]  # of tensors, by their names in the checkpoint


def main(output: Path, revision: str, names: list[str]) -> int:
    """Makes the runs of both; the number of cases that differ."""
    cases = list(itertools.product(names, (1, 2), ("float32", "bfloat16")))
    theirs = checksums(history.check_out(revision, output / revision), output / revision, cases)
    ours = checksums(history.ROOT, output / "here", cases)
    different = 0
    for preset, devices, precision in cases:
        case = (preset, devices, precision)
        found = [name for name in theirs[case] if theirs[case][name] != ours[case].get(name)]
        differs = bool(found) or ours[case].keys() != theirs[case].keys()
        different += differs
        verdict = f"{len(found)} of {len(theirs[case])} tensors differ" if differs else "same bits"
        print(f"{preset:<12} {devices} device(s) {precision:<9} {verdict}", flush=True)
    return different


def checksums(code: Path, kept: Path, cases: list[Case]) -> dict[Case, Checksums]:
    """Of the last checkpoint of short trainings, which are made unless their checksums are kept."""
    kept = kept.resolve()
    kept.mkdir(parents=True, exist_ok=True)
    folders = {case: kept / "-".join(map(str, case)) for case in cases}
    files = {case: folder.with_suffix(".json") for case, folder in folders.items()}
    missing = [case for case in cases if not files[case].exists()]
    commands = [
        (folders[case].with_suffix(".log"), flags(folders[case], *case)) for case in missing
    ]
    history.run_all(code, commands, AT_ONCE)
    for case in missing:
        reader = tf.train.load_checkpoint(str(folders[case] / "checkpoints" / f"ckpt-{STEPS}"))
        found = {
            tensor: zlib.crc32(reader.get_tensor(tensor).tobytes())
            for tensor in reader.get_variable_to_shape_map()
            if tensor.endswith("VARIABLE_VALUE")
        }
        files[case].write_text(json.dumps(found, indent=1, sort_keys=True))
        shutil.rmtree(folders[case])
    return {case: json.loads(file.read_text()) for case, file in files.items()}


def flags(job_dir: Path, preset: str, devices: int, precision: str) -> list[str]:
    """Those of a training of a few steps."""
    return [
        *("train", f"--job_dir={job_dir}", f"--preset={preset}"),
        *("--dataset=synthetic", f"--steps={STEPS}", "--batch_size=8", "--threads=1"),
        *(f"--virtual_devices={devices}", f"--precision={precision}"),
        *("--evaluation_interval=0", "--steps_per_loop=2"),
    ]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    raise SystemExit(min(1, main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:] or presets.names())))
