"""What `fuzz` throws at the command: each function draws a case and returns its arguments.

They run in a child of their own, in an empty folder, and may change whatever they like.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import sys
import types
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import absl.flags
import numpy as np
from PIL import ExifTags, Image, features

from trainer import __main__
from trainer.configuration import flag_definitions, presets
from trainer.data import datasets, picture_files

SYNTHETIC = ["--dataset=synthetic"]
SMALL = [*SYNTHETIC, "--preset=mlp", "--batch_size=8", "--threads=1", "--steps_per_loop=1"]

_DEFINITIONS: dict[str, Callable[[absl.flags.FlagValues], None]] = {
    "train": flag_definitions.train,
    "evaluate": flag_definitions.evaluate,
    "generate": flag_definitions.generate,
    "export": flag_definitions.export,
    "plot": flag_definitions.job_dir,
    "prepare_data": flag_definitions.prepare_data,
}


def train_small_run(job_dir: Path) -> int:
    """Trains the run of which cases get copies."""
    save = ["--checkpoint_interval=1", "--evaluation_interval=2", "--evaluation_samples=10"]
    return __main__.main(["train", f"--job_dir={job_dir}", "--steps=4", *SMALL, *save])


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
    """Ends commands where their work would begin, and a training before its first step.

    If all of them do none, a training need not import TensorFlow either.
    """
    training = types.SimpleNamespace(train=lambda *_: None)
    sys.modules["trainer.training.run"] = training  # type: ignore[assignment]
    if "generate" in commands:
        networks = types.SimpleNamespace(FILES=())
        sys.modules["trainer.runs.trained_networks"] = networks  # type: ignore[assignment]
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
_TEXTS = ("", " ", "x", "100,120", "0,1", "1,2,3", "9" * 400, "translation", "cutout,cutout")
_TEXTS += ("translation,cutout", "ä\udcff", "\n", "None", "%s", "{}", "-1", "fashion", "latest")


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


def run_directories(rng: random.Random, run: Path) -> list[str]:
    """A run directory of which anything is damaged, and a command that needs it."""
    job_dir = Path("job")
    shutil.copytree(run, job_dir, symlinks=True)
    files = sorted(path for path in job_dir.rglob("*") if path.is_file() and path.suffix != ".png")
    for path in rng.sample(files, rng.choice([1, 1, 2, 4])):
        _damage(rng, path)
    commands = (
        ["train", f"--job_dir={job_dir}", "--steps=4", *SMALL],
        ["train", f"--job_dir={job_dir}"],
        ["plot", f"--job_dir={job_dir}"],
        ["generate", f"--job_dir={job_dir}", "--num=2", "--output=a.npz"],
        ["generate", f"--job_dir={job_dir}", "--num=2", "--output=a.npz", "--checkpoint=best"],
        ["export", f"--job_dir={job_dir}", "--format=weights"],
    )
    return rng.choice(commands + commands[2:] * 3)  # a resume takes seconds


def _damage(rng: random.Random, path: Path) -> None:
    kind = rng.choice(["fifo", "folder", "link", "gone", "text", "chmod", *["bytes"] * 6])
    if kind == "bytes":
        path.write_bytes(_mutated(rng, path.read_bytes()))
        return
    if kind == "text":
        content = rng.choice(["null", "{}", "[]", "1", '"x"', "[" * 10**5, '{"format": 99}', "\0"])
        path.write_text(content)
        return
    if kind == "chmod":
        path.chmod(0)
        return
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(rng.choice(["gone", path.name, "/dev/null", "/dev/full"]))


def _mutated(rng: random.Random, content: bytes) -> bytes:
    """The bytes with some changed, left out, doubled, or cut off."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        first = rng.randrange(len(data) + 1)
        # Headers are where it matters.
        first = min(first, rng.choice([64, 1024, len(data)]))
        length = rng.choice([1, 1, 4, 64])
        change = rng.choice(["flip", "flip", "cut", "leave out", "double", "zero", "ones", "empty"])
        if change == "flip" and first < len(data):
            data[first] ^= 1 << rng.randrange(8)
        elif change == "cut":
            del data[first:]
        elif change == "leave out":
            del data[first : first + length]
        elif change == "double":
            data[first:first] = data[first : first + length]
        elif change in ("zero", "ones"):
            data[first : first + length] = (b"\0" if change == "zero" else b"\xff") * length
        elif change == "empty" and rng.random() < 0.1:
            data.clear()
    return bytes(data)


_FORMATS = {
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "GIF": ("L", "P", "RGB"),
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "PPM": ("1", "L", "RGB"),
    "TGA": ("L", "LA", "P", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "F", "I", "I;16"),
    "WEBP": ("L", "RGB", "RGBA"),
    "JPEG2000": ("L", "LA", "RGB", "RGBA"),
    "AVIF": ("L", "RGB", "RGBA"),
    "ICO": ("RGBA",),
    "PCX": ("1", "L", "P", "RGB"),
}
_NEEDS = {"WEBP": "webp", "JPEG2000": "jpg_2000", "AVIF": "avif"}


def folders_of_pictures(rng: random.Random, run: Path) -> list[str]:
    """Pictures of all kinds, some of them damaged, and other files, in folders of any depth."""
    del run
    damaged = rng.random() < 0.7
    for number in range(rng.choice([1, 2, 5])):
        place = Path("set", *rng.choices(["a", "b", "ä", ".c"], k=rng.choice([0, 1, 1, 1, 2])))
        place.mkdir(parents=True, exist_ok=True)
        content = _picture(rng)
        if damaged and rng.random() < 0.6:
            content = _mutated(rng, content)
        suffix = rng.choice(
            [*picture_files.RULES[picture_files.CURRENT].suffixes, ".PNG", ".txt", ""]
        )
        (place / f"{number}{suffix}").write_bytes(content)
    if rng.random() < 0.1:
        os.mkfifo("set/0.png" if not Path("set/0.png").exists() else "set/fifo.png")
    size = rng.choice(datasets.IMAGE_SIZES)
    return ["prepare_data", "--dataset=image_folder", "--data_dir=set", f"--image_size={size}"]


def _picture(rng: random.Random) -> bytes:
    kinds = [kind for kind in _FORMATS if kind not in _NEEDS or features.check(_NEEDS[kind])]
    kind = rng.choice(kinds)
    mode = rng.choice(_FORMATS[kind])
    width, height = (rng.choice([1, 2, 7, 16, 33, 64, 200]) for _ in range(2))
    noise = np.random.default_rng(rng.randrange(2**32)).integers(
        0, 256, (height, width, 3), np.uint8
    )
    picture = Image.fromarray(noise)
    if mode == "I;16":
        picture = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    elif mode == "LAB":
        picture = Image.frombytes("LAB", (width, height), noise.tobytes())
    else:
        picture = picture.convert(mode)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = rng.choice([0, 1, 2, 3, 6, 8, 9, 1000, "6", 6.0, b"6"])
    file = io.BytesIO()
    options: dict[str, Any] = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "TIFF") else {}
    try:
        picture.save(file, kind, **options)
    except Exception:  # Pillow refuses to write some of these entries
        picture.save(file, kind)
    return file.getvalue()


Draw = Callable[[random.Random, Path], list[str]]

# By name: how many per cent of the cases, and whether TensorFlow is needed, which makes a child's
# start slow.
KINDS: dict[str, tuple[Draw, int, bool]] = {
    "flag set": (flag_sets, 60, False),
    "pictures": (folders_of_pictures, 24, False),
    "path": (paths, 10, True),
    "run directory": (run_directories, 6, True),
}
