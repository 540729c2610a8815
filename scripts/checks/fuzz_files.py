"""Damaged files for `fuzz`: each function draws a case and returns the arguments that meet it.

They run in a child of their own, in an empty folder, and may change whatever they like.
"""

from __future__ import annotations

import io
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, features

from scripts.checks.fuzz_flags import SMALL
from trainer import __main__
from trainer.data import datasets, picture_files


def train_small_run(job_dir: Path) -> int:
    """Trains the run of which cases get copies."""
    save = ["--checkpoint_interval=1", "--evaluation_interval=2", "--evaluation_samples=10"]
    return __main__.main(["train", f"--job_dir={job_dir}", "--steps=4", *SMALL, *save])


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
