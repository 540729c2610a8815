"""The house: its folders by floors. Imports run downwards, and what must start fast stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.command import ROOT

PACKAGE = ROOT / "trainer"

# A folder imports from floors below its own, and within itself; neighbours do not know each other.
HOUSE = """
    __main__
    commands
    training     studio
    evaluation   monitoring
    editing
    runs         distribution
    gan
    models       configuration
    randomness   cloud
                 data
    system run_layout plurals
"""
FLOOR = {
    room: number
    for number, floor in enumerate(reversed(HOUSE.split("\n")))
    for room in floor.split()
}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name, a folder's `__init__` by the folder's."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if name := ".".join(part for part in parts if part != "__init__"):
            found[name] = path
    return found


def imports_of(path: Path) -> set[str]:
    """The modules of the package that a module imports, anywhere in it."""
    known, found = modules(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("trainer") for alias in node.names), path
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("trainer"):
            folder = (node.module or "").removeprefix("trainer").strip(".")
            for alias in node.names:
                inner = f"{folder}.{alias.name}".strip(".")
                found.add(inner if inner in known else folder)
    return found - {""}


def room_of(module: str) -> str:
    return module.partition(".")[0]


def test_every_folder_stands_on_a_floor():
    assert {room_of(name) for name in modules()} == FLOOR.keys()


def test_imports_run_downwards_between_folders():
    upwards = [
        f"{name} -> {imported}"
        for name, path in modules().items()
        for imported in imports_of(path)
        if room_of(imported) != room_of(name) and FLOOR[room_of(imported)] >= FLOOR[room_of(name)]
    ]
    assert not upwards


def test_imports_run_one_way_within_folders():
    graph = {name: imports_of(path) - {name} for name, path in modules().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"a circle of imports: {' -> '.join(error.args[1])}") from error


def test_a_folder_says_what_lives_there_and_hands_nothing_on():
    for folder in (path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()):
        tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        assert len((ast.get_docstring(tree) or "").splitlines()) in range(2, 8), folder
        assert len(tree.body) == 1, folder


def test_flags_are_read_in_one_folder():
    readers = {
        name
        for name, path in modules().items()
        if "absl" in path.read_text(encoding="utf-8")
        and any(
            (isinstance(node, ast.Import) and node.names[0].name.startswith("absl"))
            or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("absl"))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    }
    modules_of_flags = ("data_flag_definitions", "data_flags", "flag_definitions", "flag_groups")
    modules_of_flags += ("command_flag_definitions", "flags", "help_text", "recipe_flags")
    modules_of_flags += ("editing_flag_definitions", "editing_flags", "parsing", "studio_flags")
    assert readers == {"__main__", *(f"configuration.{name}" for name in modules_of_flags)}


def test_scripts_do_not_need_the_tests():
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "scripts").rglob("*.py")
        if re.search(r"^\s*(from|import) tests\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert not found


def test_signals_are_handled_before_anything_slow_is_imported():
    slow = "{'absl', 'numpy', 'PIL', 'trainer.configuration.flags'}"
    code = f"import sys, trainer.__main__; sys.exit(bool({slow} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_nothing_heavy_is_imported_before_the_flags_are_checked():
    heavy = "{'tensorflow', 'keras', 'tensorflow_datasets', 'matplotlib', 'tensorboard', 'gradio'}"
    commands = [
        "train",
        "evaluate",
        "generate",
        "export",
        "plot",
        "prepare_data",
        "presets",
        "project",
        "edit",
        "inpaint",
        "runs",
        "studio",
    ]
    code = (
        f"import sys, trainer.__main__, {', '.join(f'trainer.commands.{it}' for it in commands)}; "
        f"sys.exit(bool({heavy} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_what_keras_has_and_nothing_here_uses_is_not_imported(tmp_path):
    script = (
        "import sys; from trainer.__main__ import main; main(sys.argv[1:]); "
        "print(*sorted(name for name, module in sys.modules.items() if module))"
    )
    given = [f"--job_dir={tmp_path}", "--dataset=synthetic", "--preset=mlp", "--dry_run"]
    done = subprocess.run(
        [sys.executable, "-c", script, "train", *given], capture_output=True, text=True, check=True
    )
    imported = done.stdout.split()
    assert "keras" in imported
    assert not {"sklearn", "matplotlib.pyplot"} & set(imported)
