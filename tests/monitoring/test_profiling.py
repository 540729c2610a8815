"""The profile of some steps."""

from __future__ import annotations

import shutil

from tensorflow.tsl.profiler.protobuf import xplane_pb2

from tests.command import run_forked
from tests.conftest import assert_same_bits, finished_flags, train_flags
from trainer.monitoring import profiling
from trainer.runs import checkpoints
from trainer.system.exits import REFUSED


def test_a_profile_says_where_the_time_of_its_steps_went_and_changes_no_bit(tmp_path):
    flags = ["--dataset=synthetic", "--steps=8", "--batch_size=16", "--steps_per_loop=3"]
    done = run_forked(*train_flags(tmp_path / "profiled", *flags, "--profile_steps=2,5"))
    run_forked(*train_flags(tmp_path / "plain", *flags))

    lines = (tmp_path / "profiled/results/profile.txt").read_text().splitlines()
    rows = [line.rsplit(maxsplit=3) for line in lines[3:]]
    calls = {kind.removeprefix("_Mkl"): float(number) for kind, _, _, number in rows}
    shares = [float(share.rstrip("%")) for _, _, share, _ in rows]
    assert calls["ResourceApplyAdam"] == 12  # kernels and biases of six layers
    assert shares == sorted(shares, reverse=True) and 99 < sum(shares) < 101
    assert "results/profile.txt" in done.stderr
    assert list((tmp_path / "profiled/tensorboard/train").rglob("*.xplane.pb"))
    folders = [tmp_path / name / "checkpoints" for name in ("profiled", "plain")]
    assert_same_bits(*(checkpoints.read(checkpoints.prefix(folder, 8)) for folder in folders))


def test_a_run_that_is_taken_up_amid_the_steps_of_a_profile_ends_without_it(finished, tmp_path):
    job_dir = shutil.copytree(finished, tmp_path / "run")
    done = run_forked(*finished_flags(job_dir), "--steps=140", "--profile_steps=128,135")
    assert "no profile: the run was resumed after step 128" in done.stderr
    assert not (job_dir / "results/profile.txt").exists()


def test_steps_that_a_run_of_minutes_does_not_come_to_are_refused(tmp_path):
    given = ["--dataset=synthetic", "--minutes=0.4", "--profile_steps=90000000,90000001"]
    asked = [each for each in train_flags(tmp_path, *given) if not each.startswith("--steps")]
    refused = run_forked(*asked, code=REFUSED)
    assert "--profile_steps=90000000,90000001 is beyond the run's" in refused.stderr


def test_of_a_gpu_the_kernels_are_listed_and_the_time_in_which_it_is_idle():
    space = xplane_pb2.XSpace()
    plane = space.planes.add(name="/device:GPU:0")
    for number, name in enumerate(("convolve", "add", "XLA Ops")):
        plane.event_metadata[number].name = name
    # Two streams overlap from 2 to 3 ms; nothing runs from 5 to 9 ms.
    for line, kernel, start, milliseconds in (
        ("Stream #1(Compute)", 0, 0, 3),
        ("Stream #2(Compute)", 1, 2, 3),
        ("Stream #1(Compute)", 0, 9, 1),
        ("XLA Ops", 2, 0, 10),
    ):
        plane.lines.add(name=line, timestamp_ns=10**6).events.add(
            metadata_id=kernel, offset_ps=start * 10**9, duration_ps=milliseconds * 10**9
        )

    title, _, _, first, second, *_ = profiling._table(space, steps=2).splitlines()

    assert title == "time on /device:GPU:0, which is idle for 40.0% of it"
    assert first.split() == ["convolve", "2.000", "57.1%", "1.0"]
    assert second.split() == ["add", "1.500", "42.9%", "0.5"]
