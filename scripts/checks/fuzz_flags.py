"""Odd command lines for `fuzz`: each function draws a case and returns its arguments.

They run in a child of their own, in an empty folder, and may change whatever they like.
"""

from __future__ import annotations

import os
import random
import sys
import types
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import absl.flags

from trainer.configuration import (
    command_flag_definitions,
    editing_flag_definitions,
    flag_definitions,
    presets,
    studio_flags,
)

SYNTHETIC = ["--dataset=synthetic"]
SMALL = [*SYNTHETIC, "--preset=mlp", "--batch_size=8", "--threads=1", "--steps_per_loop=1"]

_DEFINITIONS: dict[str, Callable[[absl.flags.FlagValues], None]] = {
    "train": flag_definitions.train,
    "evaluate": command_flag_definitions.evaluate,
    "generate": command_flag_definitions.generate,
    "project": editing_flag_definitions.project,
    "edit": editing_flag_definitions.edit,
    "inpaint": editing_flag_definitions.inpaint,
    "studio": studio_flags.define,
    "export": command_flag_definitions.export,
    "plot": flag_definitions.job_dir,
    "runs": command_flag_definitions.runs,
    "prepare_data": command_flag_definitions.prepare_data,
}


def flag_sets(rng: random.Random, run: Path) -> list[str]:
    """Any flags of any command, with values of the right kind, at its edges, and of none."""
    del run
    name = rng.choice(["train"] * 8 + list(_DEFINITIONS))
    values = absl.flags.FlagValues()
    _DEFINITIONS[name](values)
    defined = sorted(set(values) - {"job_dir", "dry_run"})
    chosen = rng.sample(defined, rng.randint(0, min(len(defined), rng.choice([1, 3, 6, 12]))))
    arguments = [_flag(rng, flag, values[flag]) for flag in chosen]
    if rng.random() < 0.05:
        odd = [
            "--no",
            "--",
            "-",
            "--=",
            "--steps",
            "--nosteps",
            "x",
            "",
            "--stepss=1",
            "--undefok=x",
        ]
        arguments.insert(rng.randint(0, len(arguments)), rng.choice(odd))
    if name == "train" and rng.random() < 0.8:
        arguments = [*SYNTHETIC, f"--preset={rng.choice(presets.names())}", *arguments]
    if "job_dir" in values:
        arguments.append("--job_dir=run")
    do_no_work(set(_DEFINITIONS) - {"train"})
    return [name, *arguments]


def do_no_work(commands: Collection[str]) -> None:
    """Ends commands where their work would begin, and a training before its first step."""
    training = types.SimpleNamespace(train=lambda *_: None)
    sys.modules["trainer.training.run"] = training  # type: ignore[assignment]
    for name in commands:
        idle = types.SimpleNamespace(run=lambda _: None)
        sys.modules[f"trainer.commands.{name}"] = idle  # type: ignore[assignment]


_NUMBERS = (
    *(
        "0",
        "1",
        "-1",
        "2",
        "3",
        "64",
        "0.5",
        "0.1",
        "0.9",
        "-0.0",
        "1e-3",
        "1e-46",
        "1e-38",
        "1e39",
    ),
    *("1e308", "1e999", "0.99999999", "1.0000001", "inf", "-inf", "nan", "2147483647", "1e9", "16"),
    *("2147483648", "9223372036854775808", "1000000001", "1_000", "0x10", " 1", "1,5", "٣", ""),
)
_TEXTS = (
    *("", " ", "x", "100,120", "0,1", "1,2,3", "9" * 400, "translation", "cutout,cutout"),
    *("translation,cutout", "ä\udcff", "\n", "None", "%s", "{}", "-1", "fashion", "latest"),
)


def _flag(rng: random.Random, name: str, flag: absl.flags.Flag) -> str:
    if flag.boolean:
        return rng.choice([f"--{name}", f"--no{name}", f"--{name}={rng.choice(_TEXTS)}"])
    choices: list[Any] = list(getattr(flag.parser, "enum_values", None) or [])
    if choices and rng.random() < 0.9:
        return f"--{name}={rng.choice(choices)}"
    is_text = flag.flag_type() == "string"
    return f"--{name}={rng.choice(_TEXTS if is_text and rng.random() < 0.8 else _NUMBERS)}"


_NAMES = (
    *(
        "a",
        "a b",
        "a\\b",
        "a*",
        "a[b]",
        "a[",
        "a?",
        "a{b,c}",
        "~",
        "~nobody",
        "~/a",
        "$HOME",
        "%s",
        "'",
    ),
    *(
        '"',
        "a\nb",
        "a\tb",
        "ä",
        "a\u0308",
        "👗",
        "\udcff",
        "a" * 255,
        "a" * 256,
        ".",
        "..",
        "",
        "/",
    ),
    *(
        "-a",
        "--a",
        "a,b",
        "a=b",
        "a;b",
        "a#b",
        "a:b",
        "a.png",
        "a.keras",
        "a.npz",
        ".gif",
        "a.partial",
    ),
    *("gs://", "gs:/a", "gs:///a", "gs://A_b/c", "GS://a/b", "file:///a", "s3://a/b", "http://a/b"),
    *(
        "file",
        "link",
        "circle",
        "fifo",
        "nothing",
        "folder",
        "file/a",
        "fifo/a",
        "circle/a",
        "link/a",
    ),
)


def paths(rng: random.Random, run: Path) -> list[str]:
    """Odd names for every flag that takes one, where there may be something else already."""
    Path("file").write_text("x")
    Path("folder").mkdir()
    Path("link").symlink_to("folder")
    Path("nothing").symlink_to("gone")
    Path("circle").symlink_to("circle")
    os.mkfifo("fifo")
    name = "/".join(rng.choice(_NAMES) for _ in range(rng.choice([1, 1, 1, 2, 3])))
    if name.startswith("/"):  # stay here
        name = f"{Path.cwd()}{name}"
    os.environ["HOME"] = str(Path.cwd() / rng.choice(["home", "home[", "file", "fifo"]))
    os.environ["TMPDIR"] = str(Path.cwd())
    data = [
        f"--data_dir={name}",
        f"--dataset={rng.choice(['image_folder', 'fashion_mnist'])}",
    ]
    commands = (
        ["train", f"--job_dir={name}", *SMALL],
        ["train", "--job_dir=job", *SMALL, *data],
        ["generate", f"--job_dir={run}", "--num=2", f"--output={name}"],
        ["generate", f"--job_dir={run}", "--num=2", "--output=a.png", f"--checkpoint={name}"],
        ["generate", f"--job_dir={name}", "--num=2", "--output=a.png"],
        ["export", f"--job_dir={run}", f"--output={name}"],
        ["plot", f"--job_dir={name}"],
        ["prepare_data", *data],
        ["prepare_data", f"--data_dir={name}", f"--source={rng.choice(_NAMES[:40])}"],
        ["evaluate", f"--job_dir={name}", f"--data_dir={name}"],
    )
    do_no_work(())
    return rng.choice(commands)
