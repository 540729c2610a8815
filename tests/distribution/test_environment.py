"""What a run says of the machine."""

from __future__ import annotations

import importlib.util
import logging
import shutil

import pytest

from trainer.configuration import flags
from trainer.distribution import environment, strategies
from trainer.system import processor
from trainer.system.exits import RefusedError


@pytest.mark.parametrize(
    "precision, cpu_flags, warns",
    [
        ("bfloat16", "fpu avx512f", True),
        ("bfloat16", "fpu avx512f avx512_bf16", False),
        ("bfloat16", "fpu amx_bf16", False),
        ("float32", "fpu avx512f", False),
    ],
)
def test_bfloat16_without_instructions_for_it_is_warned_of(
    precision, cpu_flags, warns, tmp_path, monkeypatch, caplog
):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nmodel name\t: Some CPU\nflags\t\t: {cpu_flags}\n")
    monkeypatch.setattr(processor, "_CPUINFO", cpuinfo)
    with caplog.at_level(logging.WARNING):
        environment.warn_of_slow_bfloat16(precision)
    assert ("a run in float32 may be faster" in caplog.text) == warns
    assert environment.processor_name() == "Some CPU"


def test_switches_that_change_bits_are_recorded_and_a_change_is_said(monkeypatch, caplog):
    runtime = flags.train(["train", "--job_dir=x"]).runtime
    for name in environment.SWITCHES:
        monkeypatch.delenv(name, raising=False)
    before = environment.describe(runtime, 1)
    assert before["switches"] == {}
    later = ("switches", "step_code", "cuda", "pillow")
    without = {name: value for name, value in before.items() if name not in later}
    environment.warn_of_changes(without, before)  # of a run before these were recorded
    assert not caplog.text

    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    environment.warn_of_changes(before, environment.describe(runtime, 1))

    assert "TF_ENABLE_ONEDNN_OPTS not set -> 0: the bits may differ" in caplog.text


def test_gpus_that_were_given_and_are_not_seen_are_refused(monkeypatch):
    strategies.check_gpus()
    monkeypatch.setenv(strategies.GPUS, "2")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RefusedError, match=r"TensorFlow sees 0: build the image with .*cuda"):
        strategies.check_gpus()


def test_gpus_that_a_machine_has_lost_are_no_fault_of_the_run(monkeypatch):
    """A refusal would end it for good, and another machine's may work."""
    monkeypatch.setenv(strategies.GPUS, "2")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(RuntimeError, match="TensorFlow sees 0: check this machine's driver"):
        strategies.check_gpus()


def test_other_code_of_the_same_version_is_noticed(tmp_path, monkeypatch):
    before, of_step = environment.code(), environment.step_code()
    assert environment.code() == before
    shutil.copytree(environment.PACKAGE, tmp_path / "trainer")
    monkeypatch.setattr(environment, "PACKAGE", tmp_path / "trainer")
    assert environment.code() == before and environment.step_code() == of_step
    (tmp_path / "trainer" / "commands" / "runs.py").write_text("# another\n")
    assert environment.code() != before and environment.step_code() == of_step
    seen = {of_step}
    for name in ("gan/losses.py", "configuration/growth.py", "system/determinism.py"):
        (tmp_path / "trainer" / name).write_text("# another\n")
        assert environment.step_code() not in seen
        seen.add(environment.step_code())


def test_a_resume_by_other_code_of_a_step_is_said(caplog):
    runtime = flags.train(["train", "--job_dir=x"]).runtime
    now = environment.describe(runtime, 1)
    environment.warn_of_changes({**now, "step_code": "00000000"}, now)
    assert f"step_code 00000000 -> {now['step_code']}: the bits may differ" in caplog.text
