"""What Linux says of the processor."""

from __future__ import annotations

import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_MAKERS = {"AuthenticAMD": "amd", "GenuineIntel": "intel"}
_INSTRUCTIONS = {  # the newest first, by the flag that Linux names them by
    "amx_bf16": "amx_bf16",
    "avx512_bf16": "avx512_bf16",
    "avx512": "avx512f",
    "avx2": "avx2",
}


def model() -> str:
    """The model's name, or else the architecture's."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def kind() -> str:
    """Maker and instructions, like `amd_avx512_bf16`; where they are unknown, the architecture."""
    maker, flags = _MAKERS.get(_cpuinfo("vendor_id")), _flags()
    for instructions, flag in _INSTRUCTIONS.items():
        if maker and flag in flags:
            return f"{maker}_{instructions}"
    return platform.machine()


def has_bfloat16() -> bool:
    """Whether it has instructions for it, as far as is known."""
    return any("bf16" in flag for flag in _flags())


def _flags() -> list[str]:
    return [*_cpuinfo("flags").split(), *_cpuinfo("Features").split()]


def _cpuinfo(key: str) -> str:
    """What stands there of the first core; nothing where there is no such file."""
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return ""
