"""What a run says of the machine."""

from __future__ import annotations

import logging

import pytest

from trainer.distribution import environment


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


def test_auto_is_decided_by_the_machine_of_the_first_start(monkeypatch):
    for has_instructions, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(
            environment, "has_bfloat16_instructions", lambda has=has_instructions: has
        )
        assert environment.precision_for_this_machine() == precision
