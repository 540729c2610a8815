"""What commands write: nothing that they read, and nothing without a name."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from trainer.configuration import editing_flags, flags
from trainer.system.exits import RefusedError

RUN = "--job_dir=none"
READING = {  # commands by what they read
    "input of project": (editing_flags.project, ["project", RUN, "--input={}"]),
    "input of inpaint": (editing_flags.inpaint, ["inpaint", RUN, "--input={}"]),
    "mask of inpaint": (editing_flags.inpaint, ["inpaint", RUN, "--input=other", "--mask={}"]),
    "input of edit": (editing_flags.edit, ["edit", RUN, "--input={}", "--direction=1"]),
    "mix of edit": (editing_flags.edit, ["edit", RUN, "--mix={}"]),
    "latents of generate": (flags.generate, ["generate", RUN, "--latents={}"]),
}
WRITING: list[tuple[Callable, list[str]]] = [
    (editing_flags.project, ["project", RUN, "--input=x", "--output=.npz"]),
    (editing_flags.inpaint, ["inpaint", RUN, "--input=x", "--output=.png"]),
    (editing_flags.edit, ["edit", RUN, "--direction=1", "--output=.gif"]),
    (flags.generate, ["generate", RUN, "--output=.npz"]),
    (flags.export, ["export", RUN, "--output=.keras"]),
    (flags.export, ["export", RUN, "--format=weights", "--output=.weights.h5"]),
]


@pytest.mark.parametrize("what", READING)
def test_an_output_replaces_no_input(what, tmp_path):
    parse, arguments = READING[what]
    given, link = tmp_path / "mine.png", tmp_path / "link.png"
    given.touch()
    os.link(given, link)
    folder = tmp_path / "other"
    folder.mkdir()
    for output, named in ((given, given), (link, given), (given, tmp_path)):
        command = [part.format(named) for part in arguments]
        with pytest.raises(RefusedError, match="would replace what"):
            parse([*command, f"--output={output}"])
    command = [part.format(given) for part in arguments]
    assert parse([*command, f"--output={folder / 'mine.png'}"]).output == folder / "mine.png"


def test_an_output_is_no_input_of_the_next_time(tmp_path):
    (tmp_path / "pictures" / "made").mkdir(parents=True)
    given = ["inpaint", RUN, f"--input={tmp_path / 'pictures'}"]
    for output in ("made", "new", "new/deeper", "grid.png"):
        with pytest.raises(RefusedError, match="would be read as input the next time"):
            editing_flags.inpaint([*given, f"--output={tmp_path / 'pictures' / output}"])
    for output in ("pictures/arrays.npz", "made", "pictures-made"):
        assert editing_flags.inpaint([*given, f"--output={tmp_path / output}"])


@pytest.mark.parametrize(("parse", "arguments"), WRITING)
def test_an_output_has_a_name(parse, arguments):
    with pytest.raises(RefusedError, match="is only a suffix"):
        parse(arguments)


def test_a_name_with_a_comma_stands_in_quotes():
    given = ["generate", RUN, "--output=x.npz"]
    for text, labels in (
        ('"red, white", blue', ("red, white", "blue")),
        ("a,\r\nb\rc", ("a", "b c")),
        ('5" pipe, "6"" pipe",', ('5" pipe', '6" pipe')),
    ):
        assert flags.generate([*given, f"--labels={text}"]).labels == labels


@pytest.mark.parametrize("text", [",", " ", " , "])
def test_labels_that_name_nothing_are_refused(text):
    for parse, arguments in (
        (editing_flags.project, ["project", RUN, "--input=x", "--output=x.npz"]),
        (editing_flags.inpaint, ["inpaint", RUN, "--input=x", "--output=x.npz"]),
        (flags.generate, ["generate", RUN, "--output=x.npz"]),
    ):
        with pytest.raises(RefusedError, match=r"--labels=.* names nothing"):
            parse([*arguments, f"--labels={text}"])
    edit = ["edit", RUN, "--output=x.npz", f"--to_label={text}"]
    with pytest.raises(RefusedError, match=r"--to_label=.* names nothing"):
        editing_flags.edit(edit)


def test_noise_is_of_generators_alone():
    for more in (["--network=discriminator"], ["--format=weights"]):
        with pytest.raises(RefusedError, match="--noise=input has no effect with --network="):
            flags.export(["export", RUN, "--noise=input", *more])
