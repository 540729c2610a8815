"""Which files of a folder are pictures, how each becomes pixels, and what identifies the set."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import logging
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

from tests.command import run_forked
from tests.conftest import train_flags
from tests.data import folders
from tests.data.folders import load, specify
from tests.untrained_runs import untrained
from trainer.configuration import config_json, flags, resume
from trainer.configuration.config_json import RunConfig
from trainer.data import folder_contents, pictures
from trainer.data.datasets import Attribute, DatasetSpec
from trainer.system import file_errors
from trainer.system.exits import InterruptedRun, RefusedError

SIDE = 16
RED = [255, 0, 0]


def green_on_top(mode: str = "RGB") -> Image.Image:
    picture = Image.new("RGB", (32, 32), "black")
    picture.paste((0, 255, 0), (0, 0, 32, 16))
    return picture.convert(mode)


def save(path: Path, picture: Image.Image | None = None, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (picture or green_on_top()).save(path, **options)
    return path


def wide_gamut() -> bytes:
    """A profile like that of a phone's camera: sRGB's with the primaries of Display P3."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for tag, colour in {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }.items():
        (start,) = struct.unpack_from(">I", profile, profile.index(tag) + 4)
        numbers = struct.pack(">3i", *(round(each * 2**16) for each in colour))
        profile = profile[: start + 8] + numbers + profile[start + 20 :]
    return profile.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))


KINDS = ("bmp", "gif", "jfif", "jpeg", "jpg", "png", "ppm", "tga", "tif", "tiff", "webp", "JPG")


def test_every_common_kind_of_picture_is_used(tmp_path):
    for number, kind in enumerate(KINDS):
        picture_format = "JPEG" if kind.lower() in ("jfif", "jpg") else None
        save(tmp_path / f"{number}.{kind}", format=picture_format)

    images, _ = load(tmp_path)

    assert images.shape == (len(KINDS), SIDE, SIDE, 3)
    assert np.all(images[:, 3, :, 1] > 240) and np.all(images[:, -3] < 15)


def test_pictures_at_any_depth_have_the_class_of_the_first_level(tmp_path, caplog):
    save(tmp_path / "shirt" / "long" / "blue" / "1.png")
    save(tmp_path / "shirt" / "2.png")
    save(tmp_path / "boot" / "winter" / "1.png")
    (tmp_path / "hat").mkdir()
    with caplog.at_level(logging.INFO):
        _, labels = load(tmp_path)

    assert specify(tmp_path).attributes == (Attribute("class", ("boot", "shirt")),)
    assert labels.tolist() == [[0], [1], [1]]
    assert "class: boot 1, shirt 2" in caplog.text
    assert "1 subfolder holds no pictures (hat)" in caplog.text


def test_links_are_followed_and_circles_end(tmp_path):
    save(tmp_path / "elsewhere" / "1.png")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "shirt").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(folder)
    assert specify(folder).train_examples == 1


def test_a_folder_is_called_by_its_own_name_rather_than_by_a_link_to_it(tmp_path, caplog):
    save(tmp_path / "set" / "coat" / "1.png")
    save(tmp_path / "set" / "zebra" / "2.png")
    (tmp_path / "set" / "alias").symlink_to(tmp_path / "set" / "zebra")
    (tmp_path / "set" / "coat" / "also").symlink_to(tmp_path / "set" / "zebra")
    load(tmp_path / "set")
    assert specify(tmp_path / "set").attributes == (Attribute("class", ("coat", "zebra")),)
    said = "2 folders were seen already by another path (alias as zebra, coat/also as zebra)"
    assert said in caplog.text and "no pictures" not in caplog.text

    before = specify(tmp_path / "set", rules=6).attributes  # as runs have it
    assert before == (Attribute("class", ("alias", "coat")),)


@pytest.mark.parametrize("table", [False, True])
def test_a_folder_around_the_set_is_said_with_the_one_to_give(table, tmp_path, caplog):
    for name in ("coat", "dress"):
        save(tmp_path / "set" / "archive" / "v1" / name / "1.png")
    if table:
        (tmp_path / "set" / "archive" / "v1" / "metadata.csv").write_text("file_name,kind\n")
    load(tmp_path / "set")
    what = "the table metadata.csv" if table else "subfolders coat, dress"
    inner = tmp_path / "set" / "archive" / "v1"
    said = f"all pictures are in archive/v1/, which has {what}: give --data_dir={inner} to"
    assert said in caplog.text
    caplog.clear()
    load(tmp_path / "set" / "archive")
    assert "all pictures are in v1/" in caplog.text
    caplog.clear()
    if not table:
        load(inner)
        assert "all pictures are in" not in caplog.text


def test_every_file_that_is_not_used_is_named_with_its_reason(tmp_path, caplog):
    save(tmp_path / "1.png")
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "2.heic").write_bytes(b"a picture that Pillow cannot read")
    (tmp_path / ".3.png").write_bytes(b"hidden")
    save(tmp_path / ".trash" / "4.png")
    (tmp_path / "5.png").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "6.png")

    images, _ = load(tmp_path)

    assert len(images) == 1
    said = caplog.text
    assert "2 files are not used: of another kind" in said
    assert "notes.txt" in said and "2.heic" in said
    assert "2 files are not used: hidden" in said and ".3.png" in said and ".trash" in said
    assert "1 file is not used: a broken link (1 .png: 5.png)" in said
    assert "1 file is not used: not a file (1 .png: 6.png)" in said


def test_a_grey_picture_among_coloured_ones_gets_colours(tmp_path):
    save(tmp_path / "a.png", green_on_top("L"))
    save(tmp_path / "b.png")
    images, _ = load(tmp_path)
    assert images.shape == (2, SIDE, SIDE, 3)


def test_what_is_much_wider_than_high_is_still_there_when_padded(tmp_path):
    for number, size in enumerate([(2000, 12), (12, 2000), (20, 10)]):
        save(tmp_path / f"set/{number}.png", Image.new("RGB", size, "white"))
    images, _ = load(tmp_path / "set", fit="pad")
    assert (images.max(axis=(1, 2, 3)) == 255).all()
    before, _ = load(tmp_path / "set", fit="pad", rules=4)  # as runs have them
    assert before.max(axis=(1, 2, 3)).tolist() == [0, 0, 255]


def test_broken_pictures_are_refused_before_anything_is_measured(tmp_path):
    for number in range(12):
        save(tmp_path / f"set/{number}.png")
    (tmp_path / "set/13.png").write_bytes(b"nothing")
    given = ("--dataset=image_folder", f"--data_dir={tmp_path}/set", "--test_share=0")
    refused = run_forked(*train_flags(tmp_path / "run", *given, "--precision=auto"), code=64)
    assert "13.png is not a readable picture" in refused.stderr
    assert "precision:" not in refused.stderr


def test_pictures_for_tests_are_looked_at_before_the_first_step_too(tmp_path):
    for number in range(8):
        for split in ("train", "test"):
            save(tmp_path / f"set/{split}/{number}.png")
    for name in ("train/broken.png", "test/damaged.png"):
        (tmp_path / f"set/{name}").write_bytes(b"nothing")
    given = ("--dataset=image_folder", f"--data_dir={tmp_path}/set")
    refused = run_forked(*train_flags(tmp_path / "run", *given), code=64)
    assert "broken.png is n" in refused.stderr and "damaged.png is n" in refused.stderr
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_run_that_has_trained_beside_a_broken_test_picture_goes_on(tmp_path, monkeypatch):
    """As runs of earlier versions may have: its pictures are what they were."""
    for number in range(8):
        for split in ("train", "test"):
            save(tmp_path / f"set/{split}/{number}.png")
    (tmp_path / "set/test/broken.png").write_bytes(b"nothing")
    given = ("--dataset=image_folder", f"--data_dir={tmp_path}/set", "--evaluation_interval=0")
    begun = (
        "from trainer.commands import train\n"
        "train._of_sound_pictures = lambda data, spec: data.load(spec, 'train')\n"
    )
    run_forked(*train_flags(tmp_path / "run", *given, "--steps=2"), before=begun)
    run_forked(*train_flags(tmp_path / "run", *given, "--steps=3"))


def test_all_broken_pictures_are_named_at_once(tmp_path):
    save(tmp_path / "1.png")
    for name in ("0.png", "2.jpg", "3.gif"):
        (tmp_path / name).write_bytes(b"nothing")
    for refused in (lambda: load(tmp_path), lambda: specify_without(tmp_path / "1.png")):
        with pytest.raises(RefusedError) as error:
            refused()
        for name in ("0.png", "2.jpg", "3.gif"):
            assert f"{name} is not a readable picture" in str(error.value)


def specify_without(picture: Path) -> DatasetSpec:
    picture.unlink()
    return specify(picture.parent)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_as_viewers_show_them(suffix, orientation, tmp_path):
    upright = Image.new("RGB", (32, 32), "black")
    upright.paste((255, 0, 0), (0, 0, 16, 16))  # red in the top left corner alone
    turned_by = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's inverse methods
    stored = (
        upright
        if orientation == 1
        else upright.transpose(list(Image.Transpose)[turned_by[orientation]])
    )
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    save(tmp_path / f"a.{suffix}", stored, exif=exif)

    (pixels,), _ = load(tmp_path)

    assert pixels[3, 3, 0] > 200
    for corner in (pixels[3, -3], pixels[-3, 3], pixels[-3, -3]):
        assert corner.max() < 60


def test_damage_beside_the_orientation_does_not_hinder(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    damaged = exif.tobytes()[:-4] + b"\xff\xff\xff\xff"
    save(tmp_path / "a.jpg", exif=damaged)
    (pixels,), _ = load(tmp_path)
    assert pixels[-3, 5, 1] > 200 and pixels[3, 5, 1] < 60


MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "YCbCr")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_pixels_is_shown_alike(mode, tmp_path):
    if mode == "I;16":
        grey = np.asarray(green_on_top("L"), np.uint16) * 257
        picture = Image.fromarray(grey)
    else:
        picture = green_on_top(mode)
    save(tmp_path / f"a.{'tif' if mode in ('CMYK', 'YCbCr') else 'png'}", picture)
    (pixels,), _ = load(tmp_path)
    assert pixels[3].max() > 140 and pixels[-3].max() < 15


def test_pixels_that_have_no_scale_are_refused(tmp_path):
    save(tmp_path / "a.tif", green_on_top("F"))
    with pytest.raises(RefusedError, match=r"a\.tif is not a readable picture .*floating-point"):
        load(tmp_path)


def test_a_large_picture_is_reduced_to_the_same_pixels(tmp_path):
    y, x = np.mgrid[0:4500, 0:4400]
    smooth = np.stack([x * 255 // 4400, y * 255 // 4500, (x + y) * 255 // 8900], -1)
    large = Image.fromarray(smooth.astype(np.uint8))
    save(tmp_path / "large" / "a.png", large, compress_level=1)
    save(tmp_path / "small" / "a.png", large.resize((440, 450), Image.Resampling.BOX))
    (from_large,), _ = load(tmp_path / "large")
    (from_small,), _ = load(tmp_path / "small")
    np.testing.assert_allclose(from_large.astype(int), from_small, atol=2)


def test_the_largest_pictures_need_little_more_memory_than_their_pixels(tmp_path):
    side = 13_300  # just below Pillow's limit
    save(tmp_path / "a.png", Image.new("L", (side, side), 255), compress_level=1)
    script = (
        "import resource, sys; from pathlib import Path; from tests.data import folders;"
        "folder = Path(sys.argv[1]); folders.specify(folder);"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "images, _ = folders.load(folder); assert images.min() == 255;"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert resource.getpagesize() and int(done.stdout) < 2 * side * side


def test_the_first_of_several_frames_is_used_and_this_is_said(tmp_path, caplog):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime")]
    for name in ("a", *map(str, range(12))):
        save(tmp_path / f"{name}.gif", frames[0], save_all=True, append_images=frames[1:])
    with caplog.at_level(logging.INFO):
        found, _ = load(tmp_path)
    assert all(list(pixels[3, 3]) == RED for pixels in found)
    said = [line for line in caplog.messages if "several frames" in line]
    assert said == [
        "data: 13 pictures have several frames; the first is used: 0.gif, 1.gif, 10.gif, 11.gif, "
        "2.gif, 3.gif, 4.gif, 5.gif, 6.gif, 7.gif, ..."
    ]


def test_the_contents_identify_the_set(tmp_path):
    path = save(tmp_path / "a.bmp")
    before, stat = specify(tmp_path), path.stat()
    save(path, Image.new("RGB", (32, 32), "red"))
    assert path.stat().st_size == stat.st_size
    after = specify(tmp_path)
    assert after.fingerprint != before.fingerprint
    (pixels,), _ = load(tmp_path)
    assert list(pixels[3, 3]) == RED

    os.utime(save(path), ns=(0, 0))  # neither time nor place matters
    assert specify(tmp_path) == before
    tmp_path.rename(tmp_path.with_name("moved"))
    assert specify(tmp_path.with_name("moved")) == before


def test_a_resume_with_overwritten_pictures_is_refused(tmp_path):
    folder, job_dir = tmp_path / "set", tmp_path / "run"
    for number in range(4):
        save(folder / f"{number}.bmp")
    given = [
        "--dataset=image_folder",
        f"--data_dir={folder}",
        "--image_size=28",
        "--batch_size=4",
        "--test_share=0",
    ]
    untrained(job_dir, *train_flags(job_dir, *given)[2:], step=1)
    save(folder / "2.bmp", Image.new("RGB", (32, 32), "red"))
    refused = run_forked(*train_flags(job_dir, *given, "--steps=2"), code=64)
    assert "holds a run on other pictures than" in refused.stderr
    assert "fingerprint" in refused.stderr


@pytest.fixture
def format_2(tmp_path) -> RunConfig:
    """A run of format 2 on a folder of which later rules use more."""
    save(tmp_path / "set" / "shirt" / "1.png")
    save(tmp_path / "set" / "shirt" / "2.tif")
    save(tmp_path / "set" / "shirt" / "long" / "3.png")
    asked = flags.train(asked_for(tmp_path))
    stored = json.loads(config_json.to_json(resume.configured(asked, None)))
    data = dataclasses.asdict(specify(tmp_path / "set", 28, rules=1))
    (attribute,) = data.pop("attributes")
    del data["folder"]
    stored["recipe"]["data"] = data | {"class_names": attribute["values"]}
    del stored["recipe"]["networks"]["attribute_dropout"], stored["recipe"]["objective"]["flip"]
    return config_json.from_json(json.dumps(stored | {"format": 2}), tmp_path)


def asked_for(tmp_path: Path) -> list[str]:
    data = ["--dataset=image_folder", f"--data_dir={tmp_path}/set", f"--image_size={28}"]
    return ["train", f"--job_dir={tmp_path}/run", "--preset=mlp", "--batch_size=1", *data]


def test_a_run_keeps_the_rules_that_it_was_started_with(format_2, tmp_path):
    data = format_2.recipe.data
    assert data.folder is not None and (data.train_examples, data.folder.rules) == (1, 1)
    assert specify(tmp_path / "set").train_examples == 3

    assert resume.configured(flags.train(asked_for(tmp_path)), format_2).recipe.data == data

    save(tmp_path / "set" / "shirt" / "4.png")
    with pytest.raises(RefusedError, match="fingerprint"):
        resume.configured(flags.train(asked_for(tmp_path)), format_2)


def test_a_run_among_its_pictures_learns_nothing_from_its_own(tmp_path):
    """Nor from those of its first start, killed before the run had a configuration."""
    for number, name in enumerate(("boots", "boots", "dress", "dress")):
        save(tmp_path / name / f"{number}.png")
    given = [
        "--dataset=image_folder",
        f"--data_dir={tmp_path}",
        "--image_size=28",
        "--batch_size=4",
        "--test_share=0",
    ]
    job_dir = tmp_path / "runs" / "mine"
    killed = "import os; from trainer.runs.checkpoints import Checkpoints as C; "
    killed += "C.save = lambda *_: os._exit(9)"
    run_forked(*train_flags(job_dir, *given, "--steps=1"), code=9, before=killed)
    assert (job_dir / "results" / "real.png").exists()
    run_forked(*train_flags(job_dir, *given, "--steps=1"))
    assert (job_dir / "results" / "final.png").exists()
    resumed = run_forked(*train_flags(job_dir, *given, "--steps=2"))
    assert "1 file is not used: a run directory" in resumed.stderr
    assert [each.values for each in specify(tmp_path).attributes] == [("boots", "dress")]


def test_a_resume_without_its_folder_asks_for_it(tmp_path):
    for number in range(4):
        save(tmp_path / "set" / f"{number}.png")
    data = ["--dataset=image_folder", f"--data_dir={tmp_path}/set", "--image_size=28"]
    job_dir = tmp_path / "run"
    given = train_flags(job_dir, *data, "--batch_size=4", "--test_share=0")
    untrained(job_dir, *given[2:], step=1)
    refused = run_forked("train", f"--job_dir={job_dir}", code=64)
    assert "holds a run on a folder of pictures: name it with --data_dir" in refused.stderr


@pytest.mark.parametrize("names", [("train", "val"), ("Train", "Test"), ("training",)])
def test_parts_of_a_set_that_would_be_classes_are_spoken_of(names, tmp_path, caplog):
    for name in names:
        for kind in ("coat", "dress"):
            save(tmp_path / name / kind / "a.png")
    load(tmp_path)
    assert "which look like parts of a data set: rename them to train and test" in caplog.text


def test_a_class_whose_name_no_file_of_a_run_can_hold_is_refused(tmp_path):
    for name in (b"J\xe4ckchen", b"coat"):
        save(tmp_path / os.fsdecode(name) / "a.png")
    with pytest.raises(RefusedError, match=r"subfolder J\\udce4ckchen is not UTF-8: rename it"):
        specify(tmp_path)


def test_colours_are_those_that_a_profile_says(tmp_path):
    """A camera's vivid red has other numbers than a monitor's, and is learnt as it is shown."""
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    assert linear.profile.xcolor_space.strip() == "XYZ"  # of no picture's pixels: left aside
    wide = wide_gamut()
    numbers = (200, 60, 40)
    for name, profile in {"wide": wide, "xyz": linear.tobytes(), "broken": b"no profile"}.items():
        Image.new("RGB", (16, 16), numbers).save(tmp_path / f"{name}.png", icc_profile=profile)
    Image.new("RGBA", (16, 16), (*numbers, 255)).save(tmp_path / "with.png", icc_profile=wide)
    keyed = Image.new("RGB", (16, 16), numbers)
    keyed.paste((1, 2, 3), (8, 8, 16, 16))
    keyed.save(tmp_path / "keyed.png", icc_profile=wide, transparency=(1, 2, 3))
    indexed = Image.new("RGB", (16, 16), numbers).quantize(4)
    indexed.save(tmp_path / "indexed.png", icc_profile=wide)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (16, 16), numbers).save(tmp_path / "srgb.png", icc_profile=srgb)
    expected = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), numbers),
        ImageCms.ImageCmsProfile(io.BytesIO(wide)),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    ).getpixel((0, 0))
    assert max(abs(a - b) for a, b in zip(expected, numbers, strict=True)) > 8

    images, _ = load(tmp_path, background="white")

    names = sorted(path.stem for path in tmp_path.iterdir())
    found = {name: tuple(image[8, 8]) for name, image in zip(names, images, strict=True)}
    assert found["broken"] == found["srgb"] == found["xyz"] == numbers
    assert found["wide"] == found["with"] == found["indexed"] == expected
    assert found["keyed"] == (255, 255, 255)
    assert tuple(images[names.index("keyed"), 1, 1]) == expected


def test_earlier_rules_take_the_numbers_as_they_are(tmp_path):
    Image.new("RGB", (16, 16), (200, 60, 40)).save(tmp_path / "a.png", icc_profile=wide_gamut())
    images, _ = load(tmp_path, rules=5)
    assert tuple(images[0, 8, 8]) == (200, 60, 40)


def test_grey_pixels_of_which_white_is_unknown_are_refused(tmp_path):
    twelve = TiffImagePlugin.ImageFileDirectory_v2()
    twelve[258] = 12
    grey = Image.fromarray(np.full((16, 16), 4095, np.uint16))
    grey.save(tmp_path / "a.tif", tiffinfo=twelve)
    content = (tmp_path / "a.tif").read_bytes()
    with Image.open(tmp_path / "a.tif") as picture:
        bits = picture.tag_v2[258]
    if bits != (12,) and bits != 12:  # Pillow says what it has written
        entry = struct.pack("<HHIHH", 258, 3, 1, 16, 0)
        assert entry in content
        (tmp_path / "a.tif").write_bytes(
            content.replace(entry, struct.pack("<HHIHH", 258, 3, 1, 12, 0))
        )
    with pytest.raises(RefusedError, match="grey of 12 bits"):
        load(tmp_path)


def test_a_transparent_grey_of_16_bits_shows_what_is_behind(tmp_path):
    values = np.full((16, 16), 65535, np.uint16)
    values[:, :8] = 1000
    Image.fromarray(values).save(tmp_path / "a.png", transparency=1000)
    images, _ = load(tmp_path, background="white")
    assert set(np.unique(images)) == {255}


def test_a_picture_that_changes_while_it_is_read_is_not_kept_under_its_former_name(
    tmp_path, monkeypatch
):
    save(tmp_path / "a.png")
    spec = specify(tmp_path)
    read = folder_contents.read

    def then_changed(*asked):
        found = read(*asked)
        Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
        return found

    monkeypatch.setattr(folder_contents, "read", then_changed)
    with pytest.raises(InterruptedRun, match=r"a\.png was changed while the pictures were read"):
        folders.at(tmp_path).load(spec, "train")


def test_a_lost_file_system_is_no_damage_to_pictures(tmp_path, monkeypatch):
    def lost(path):
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN), str(path))

    save(tmp_path / "a.png")
    monkeypatch.setattr(pictures, "opened", lost)
    with pytest.raises(OSError) as error:
        load(tmp_path)
    said = str(file_errors.refusal(error.value))
    assert "a.png cannot be used" in said and "mount it again" in said
