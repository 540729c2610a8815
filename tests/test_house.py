"""The house: imports run one way, and what must start fast stays light."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.conftest import ROOT

# Ground floor first. A module imports only from floors below its own, or listed on its own.
FLOORS = [
    {
        "gan.schedules",
        "system.exits",
        "training.loop",
        "randomness",
        "gan.losses",
        "models.cost",
        "models.spectral",
    }
    | {"models.convolutions"}
    | {"runs.file_names"}
    | {"evaluation", "evaluation.arrays"},
    {
        "gan.augmentation",
        "configuration.choices",
        "cloud",
        "cloud.processes",
        "cloud.url",
        "data",
        "system.signals",
        "system.downloads",
        "system.file_system",
        "configuration.presets",
        "monitoring.progress",
        "evaluation.neighbours",
        "evaluation.pixel_space",
    },
    {"cloud.failures", "cloud.workspace"},
    {"cloud.bucket"},
    {"cloud.lease"},
    {"cloud.mirror"},
    {"cloud.data", "runs.in_bucket"},
    {
        "configuration.config",
        "data.prepared",
        "data.synthetic",
        "data.order",
        "data.pixels",
        "monitoring.image_grids",
    }
    | {
        "distribution.cluster_spec",
        "configuration.paths",
        "monitoring.profiling",
        "monitoring.prometheus",
        "runs.restarts",
        "system.watchdog",
    },
    {
        "training.plan",
        "evaluation.metrics",
        "configuration.checks",
        "configuration.flag_definitions",
        "data.fashion_mnist",
        "data.image_folder",
        "data.feeding",
    }
    | {"evaluation.inception", "distribution.heartbeats"},
    {"data.loading", "models.layers"},
    {"evaluation.classifier_networks", "gan.optimizers"},
    {
        "configuration.flags",
        "runs.checkpoints",
        "distribution.environment",
        "runs.records",
        "runs.event_files",
        "models.conditioning",
    },
    {"distribution.collectives", "models.strided", "runs.evaluations", "evaluation.classifiers"},
    {"distribution.strategies"},
    {f"models.{name}" for name in ("classic", "cropped", "dcgan", "fashion", "mlp", "r3gan")}
    | {"models.residual", "models.upsampling"},
    {
        "models",
        "monitoring.model_monitor",
        "commands.plot",
        "commands.prepare_data",
        "commands.presets",
    },
    {"gan.fashion_gan"},
    {"gan.step_gradients", "runs.trained"},
    {"gan.updates"},
    {"gan.train_steps", "evaluation.metric_groups"},
    {"evaluation.during_training", "evaluation.evaluator", "commands.export", "commands.generate"},
    {"training.take_up"},
    {"training.run", "commands.evaluate"},
    {"commands.train"},
    {"__main__"},
]


def modules() -> dict[str, set[str]]:
    """Each module of the package and those of the package that it imports."""
    names = {}
    for path in (ROOT / "trainer").rglob("*.py"):
        parts = path.relative_to(ROOT / "trainer").with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name:
            names[name] = path
    imports = {}
    for name, path in names.items():
        imports[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("trainer") for alias in node.names), name
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("trainer"):
                base = (node.module or "").removeprefix("trainer").strip(".")
                for alias in node.names:
                    longest = f"{base}.{alias.name}".strip(".")
                    imports[name].add(longest if longest in names else base)
        imports[name].discard("")
    return imports


def test_imports_run_one_way():
    floor_of = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    found = modules()
    assert found.keys() == floor_of.keys()
    wrong = [
        f"{name} -> {imported}"
        for name, imports in found.items()
        for imported in imports
        if floor_of[imported] >= floor_of[name]
    ]
    assert not wrong


def test_flags_are_read_in_one_module():
    for path in (ROOT / "trainer").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name not in ("flags.py", "definitions.py", "__main__.py"):
            assert "import absl" not in text and "from absl" not in text, path


def test_nothing_heavy_is_imported_before_the_flags_are_checked():
    heavy = "{'tensorflow', 'keras', 'tensorflow_datasets', 'matplotlib', 'tensorboard'}"
    code = (
        "import sys, trainer.__main__, trainer.commands.train; "
        f"sys.exit(bool({heavy} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
