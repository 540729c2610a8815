"""How much memory is left, by what Linux says of the machine and of a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.system import control_groups, memory

GIB = 2**30


@pytest.fixture
def system(tmp_path, monkeypatch) -> Path:
    """A machine with 8 GiB that are free or could be."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {8 * 2**20} kB\n")
    monkeypatch.setattr(memory, "_OF_ALL", tmp_path / "meminfo")
    monkeypatch.setattr(control_groups, "OWN", tmp_path / "cgroup")
    monkeypatch.setattr(control_groups, "MOUNTED", tmp_path)
    return tmp_path


def limited(folder: Path, limit: str, used: int, names: tuple[str, str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    of_files = [f"{name} {GIB // 2}" for name in (names[2], names[2].replace("inactive", "active"))]
    (folder / "memory.stat").write_text("\n".join(["anon 1", *of_files]) + "\n")


def test_without_groups_it_is_the_machine_s(system):
    assert memory.available() == 8 * GIB


def test_a_group_s_limit_counts_and_files_that_it_holds_do_not(system):
    names = ("memory.max", "memory.current", "inactive_file")
    (system / "cgroup").write_text("0::/job/step\n")
    limited(system, "max", 9 * GIB, names)
    limited(system / "job" / "step", str(4 * GIB), 3 * GIB, names)
    assert memory.available() == 2 * GIB


def test_so_does_a_limit_of_a_group_between(system):
    names = ("memory.max", "memory.current", "inactive_file")
    (system / "cgroup").write_text("0::/job/step\n")
    limited(system / "job", str(3 * GIB), 2 * GIB, names)
    limited(system / "job" / "step", "max", 2 * GIB, names)
    assert memory.available() == 2 * GIB


def test_likewise_of_the_first_version_of_groups(system):
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    (system / "cgroup").write_text("8:pids:/\n4:memory:/\n")
    limited(system / "memory", str(6 * GIB), 3 * GIB, names)
    assert memory.available() == 4 * GIB


def test_a_system_that_does_not_say_refuses_nothing(system):
    (system / "meminfo").unlink()
    assert memory.available() is None
    memory.check_room(10**18, "nothing")
