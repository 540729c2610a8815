"""What a run says of the machine."""

from __future__ import annotations

import logging

import pytest

from trainer.configuration import checks, config, flags
from trainer.distribution import environment
from trainer.system.exits import RefusedError
from trainer.training import take_up


@pytest.mark.parametrize(
    "precision, flags, warns",
    [
        ("bfloat16", "fpu avx512f", True),
        ("bfloat16", "fpu avx512f avx512_bf16", False),
        ("bfloat16", "fpu amx_bf16", False),
        ("float32", "fpu avx512f", False),
    ],
)
def test_bfloat16_without_instructions_for_it_is_warned_of(
    precision, flags, warns, tmp_path, monkeypatch, caplog
):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nmodel name\t: Some CPU\nflags\t\t: {flags}\n")
    monkeypatch.setattr(environment, "_CPUINFO", cpuinfo)
    with caplog.at_level(logging.WARNING):
        environment.warn_of_slow_bfloat16(precision)
    assert ("a run in float32 may be faster" in caplog.text) == warns
    assert environment.processor() == "Some CPU"


def test_auto_is_decided_by_the_machine_of_the_first_start(tmp_path, monkeypatch):
    asked = flags.train(["train", f"--job_dir={tmp_path}", "--precision=auto"])
    monkeypatch.setattr(environment, "computes_in_bfloat16", lambda: True)
    assert take_up.precision(asked) == "bfloat16"
    started = config.in_precision(asked, "bfloat16")
    (tmp_path / "config.json").write_text(config.to_json(started, 10, {}))

    monkeypatch.setattr(environment, "computes_in_bfloat16", lambda: False)

    assert take_up.precision(asked) == "bfloat16"
    stored = config.read_json(tmp_path)
    checks.check_resume(stored, asked)
    with pytest.raises(RefusedError, match="precision"):
        checks.check_resume(stored, config.in_precision(asked, "float32"))
    elsewhere = flags.train(["train", f"--job_dir={tmp_path / 'new'}", "--precision=auto"])
    assert take_up.precision(elsewhere) == "float32"
