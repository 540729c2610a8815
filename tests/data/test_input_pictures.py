"""Pictures that users give to commands: files, folders, arrays."""

from __future__ import annotations

import os
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.folders import READING
from trainer.data import array_files, input_masks, input_pictures
from trainer.data.datasets import DATASETS, Attribute, DatasetSpec, FolderReading
from trainer.system import memory
from trainer.system.exits import RefusedError

GREY = DATASETS["fashion_mnist"]
COLOURED = DATASETS["coloured_fashion_mnist"]
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)


def arrays(folder: Path, **fields: np.ndarray) -> Path:
    path = folder / "x.npz"
    np.savez_compressed(path, **fields)  # type: ignore[arg-type]
    return path


def test_a_picture_of_the_runs_size_is_taken_as_it_is(tmp_path):
    Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / "boot.png")
    found = input_pictures.read(tmp_path / "boot.png", GREY)
    np.testing.assert_array_equal(found.images, IMAGES[:1])
    assert found.labels.tolist() == [[-1]] and found.masks is None and found.names == ("boot",)


def test_the_pictures_of_a_folder_are_taken_in_the_order_of_their_names(tmp_path):
    for name, image in zip(("c", "a", "b"), IMAGES, strict=True):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").write_text("none")
    found = input_pictures.read(tmp_path, GREY)
    np.testing.assert_array_equal(found.images, IMAGES[[1, 2, 0]])
    assert found.names == ("a", "b", "c")


def test_other_pictures_are_fitted_as_the_runs_data_are(tmp_path):
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = (255, 0, 0)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    padded = FolderReading(3, "", "", 0, 0.0, "pad", "0,0,255")
    spec = DatasetSpec("image_folder", (20, 20, 3), 1, 1, (), folder=padded)
    cropped = input_pictures.read(tmp_path / "wide.png", COLOURED).images[0]
    whole = input_pictures.read(tmp_path / "wide.png", spec).images[0]
    assert (cropped[1:-1, 2:-2] > (200, -1, -1)).all()
    assert (whole[0] == (0, 0, 255)).all() and whole[10, 10, 0] > 200 and whole[10, 1, 0] < 50
    assert input_pictures.read(tmp_path / "wide.png", GREY).images.shape == (1, 28, 28, 1)


def test_a_photo_on_white_is_named_where_the_run_knows_garments_on_black(tmp_path, caplog):
    photo = np.full((56, 56), 255, np.uint8)
    photo[8:48, 16:40] = 60
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(255 - photo).save(tmp_path / "inverted.png")
    found = input_pictures.read(tmp_path, GREY)
    input_pictures.warn_of_ground(found, GREY, "--input=x")
    assert "--input=x: photo is dark on light" in caplog.text and "inverted" not in caplog.text
    caplog.clear()
    own = DatasetSpec("image_folder", (28, 28, 1), 1, 1, ())
    input_pictures.warn_of_ground(found, own, "--input=x")
    hidden = np.full((2, 28, 28, 1), 1, np.uint8)
    hidden[:, 8:16, 8:16] = 0  # what lies under a mask is not looked at
    assert not input_pictures.of_other_ground(found.images, GREY, hidden).any()
    assert not caplog.text


def test_labels_find_their_attributes_by_name(tmp_path):
    labels = np.array([[5, 2], [-1, 0], [3, 9]])
    names = np.array(["colour", "class"])
    images = np.repeat(IMAGES, 3, axis=-1)
    path = arrays(tmp_path, images=images, labels=labels, attribute_names=names)
    found = input_pictures.read(path, COLOURED)
    assert found.labels.tolist() == [[2, 5], [0, -1], [9, 3]]
    one = DatasetSpec("image_folder", (28, 28, 3), 1, 1, COLOURED.attributes[:1])
    assert input_pictures.read(path, one).labels.tolist() == [[2], [0], [9]]


def test_labels_of_a_run_that_counts_values_otherwise_keep_their_meaning(tmp_path):
    theirs = (Attribute("colour", ("black", "blue", "red")), Attribute("size", ("S", "M")))
    labels = np.array([[2, 0], [-1, 1], [0, -1]])
    path = arrays(tmp_path, images=IMAGES, **array_files.label_fields(labels, theirs))
    ours = Attribute("colour", ("black", "green", "red"))
    spec = DatasetSpec("image_folder", (28, 28, 1), 1, 1, (ours,))
    assert input_pictures.read(path, spec).labels.tolist() == [[2], [-1], [0]]

    path = arrays(tmp_path, images=IMAGES, **array_files.label_fields(np.ones((3, 1)), theirs[:1]))
    with pytest.raises(RefusedError, match="blue is no colour of the run, which has black, green"):
        input_pictures.read(path, spec)
    size = DatasetSpec("image_folder", (28, 28, 1), 1, 1, theirs[1:])
    with pytest.raises(RefusedError, match="its labels are of colour, the run's of size"):
        input_pictures.read(path, size)


def test_masks_come_with_arrays(tmp_path):
    masks = (IMAGES > 99).astype(np.uint8)
    path = arrays(tmp_path, images=IMAGES, masks=masks, labels=np.array([1, 2, 3]))
    found = input_pictures.read(path, GREY)
    np.testing.assert_array_equal(found.masks, masks)
    assert found.labels.tolist() == [[1], [2], [3]]
    for other in (masks.astype(bool), masks * np.uint8(255)):
        path = arrays(tmp_path, images=IMAGES, masks=other)
        np.testing.assert_array_equal(input_pictures.read(path, GREY).masks, masks)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "has no images"),
        ({"images": IMAGES[:, :27]}, r"\[3, 27, 28, 1\], but must be uint8 \[N, 28, 28, 1\]"),
        ({"images": np.repeat(IMAGES, 3, axis=-1)}, "28, 3"),
        ({"images": IMAGES / 255}, "float64"),
        ({"images": IMAGES > 99}, "bool"),
        ({"images": IMAGES[:0]}, "0, 28"),
        ({"images": IMAGES, "labels": np.array([1, 2, 10])}, "to 9"),
        ({"images": IMAGES, "labels": np.array([1, 2])}, "labels"),
        ({"images": IMAGES, "labels": np.ones(3)}, "labels is float64"),
        ({"images": IMAGES, "masks": IMAGES}, "1 where"),
        ({"images": IMAGES, "masks": IMAGES[:2] // 255}, "masks"),
        (
            {"images": IMAGES, "labels": np.ones(3, int), "attribute_names": np.array(["sleeve"])},
            "sleeve",
        ),
        (
            {"images": IMAGES, "labels": np.ones(3, int), "attribute_values": np.array(["a", "b"])},
            r"attribute_values is <U1 \[2\]",
        ),
        ({"images": np.array([object()] * 3)}, "images holds Python objects"),
    ],
)
def test_arrays_that_the_run_cannot_take_are_refused(tmp_path, fields, said):
    with pytest.raises(RefusedError, match=said) as refused:
        input_pictures.read(arrays(tmp_path, **fields), GREY)
    assert "--input=" in str(refused.value) and "\n" not in str(refused.value)


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no picture")
    (tmp_path / "x.npz").write_bytes(b"no arrays")
    (tmp_path / "empty").mkdir()
    with (tmp_path / "one.npz").open("wb") as file:
        np.save(file, IMAGES)
    for name in ("x.png", "x.npz", "empty", "missing.png", "missing.npz", "one.npz"):
        with pytest.raises(RefusedError, match=name):
            input_pictures.read(tmp_path / name, GREY)


def test_a_damaged_offset_is_no_failing_disk(tmp_path):
    path = tmp_path / "big.tif"
    path.write_bytes(b"II" + struct.pack("<HHHQ", 43, 8, 0, 2**63 - 1))  # the first directory's
    with pytest.raises(RefusedError, match=r"big\.tif is not a readable picture"):
        input_pictures.read(path, GREY)


def test_pictures_of_several_frames_are_said(tmp_path, caplog):
    frames = [Image.fromarray(image[..., 0]) for image in IMAGES]
    for name in ("b.gif", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "c.png")
    input_pictures.read(tmp_path, GREY)
    said = "--input: 2 pictures have several frames; the first is used: a.tif, b.gif"
    assert [said] == caplog.messages


def with_texts(folder: Path, fields: dict[str, np.ndarray], *texts: str) -> Path:
    """An .npz of which some members are no arrays."""
    path = arrays(folder, **fields)
    with zipfile.ZipFile(path, "a") as file:
        for name in texts:
            file.writestr(name, "no array")
    return path


def test_of_an_npz_only_what_is_needed_must_be_right(tmp_path):
    names = np.array(["a.png", "b.png", None], object)
    odd = with_texts(tmp_path, {"images": IMAGES, "file_names": names}, "notes.npy", "read me")
    np.testing.assert_array_equal(input_pictures.read(odd, GREY).images, IMAGES)
    for fields, texts, said in (
        ({"images": IMAGES}, ["masks"], "masks is no readable array"),
        ({}, ["images.npy"], "images is no readable array"),
        ({"images": IMAGES.astype(object)}, [], "images holds Python objects"),
    ):
        with pytest.raises(RefusedError, match=said):
            input_pictures.read(with_texts(tmp_path, fields, *texts), GREY)


def test_arrays_that_the_memory_does_not_hold_are_refused_by_their_header(tmp_path, monkeypatch):
    path = arrays(tmp_path, images=IMAGES)
    monkeypatch.setattr(memory, "available", lambda: 2000)
    with pytest.raises(RefusedError, match=r"do not fit into memory.* give fewer images at once"):
        input_pictures.read(path, GREY)


def test_the_name_of_an_npz_may_be_in_capitals_and_one_array_is_no_picture(tmp_path):
    path = arrays(tmp_path, images=IMAGES).rename(tmp_path / "X.NPZ")
    assert len(input_pictures.read(path, GREY).images) == 3
    np.save(tmp_path / "x.npy", IMAGES)
    with pytest.raises(RefusedError, match=r"x\.npy is one array alone: save it as an \.npz"):
        input_pictures.read(tmp_path / "x.npy", GREY)


@pytest.mark.parametrize("name", ["pipe.png", "pipe.npz"])
def test_a_pipe_is_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name)
    picture = tmp_path / "picture.png"
    Image.fromarray(IMAGES[0, ..., 0]).save(picture)
    with pytest.raises(RefusedError, match="not a regular file"):
        input_pictures.read(tmp_path / name, GREY)
    with pytest.raises(RefusedError, match="not a regular file"):
        input_masks.with_masks(input_pictures.read(picture, GREY), picture, tmp_path / name, GREY)


def test_all_pictures_of_a_folder_that_cannot_be_read_are_named_at_once(tmp_path):
    Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / "1.png")
    for name in ("2.png", "3.png"):
        (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(RefusedError, match=r"2\.png .*; .*3\.png "):
        input_pictures.read(tmp_path, GREY)


def test_a_run_without_attributes_takes_no_labels(tmp_path):
    spec = DatasetSpec("image_folder", (28, 28, 1), 1, 1, ())
    path = arrays(tmp_path, images=IMAGES, labels=np.array([1, 2, 3]))
    assert input_pictures.read(path, spec).labels.shape == (3, 0)
    several = (Attribute("a", ("x",)), Attribute("b", ("y",)))
    spec = DatasetSpec("image_folder", (28, 28, 1), 1, 1, several)
    with pytest.raises(RefusedError, match="labels"):
        input_pictures.read(path, spec)


def test_pictures_of_one_name_are_told_apart(tmp_path):
    for name in ("1.png", "1.bmp", "deep/1.png", "deep/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / name)
    assert input_pictures.read(tmp_path, GREY).names == ("1.bmp", "1.png", "deep/1", "deep/2")


def test_no_two_pictures_have_one_name_also_where_case_does_not_count(tmp_path):
    for name in ("a.jpg", "a.png", "a.jpg.png", "Shirt.png", "shirt.bmp"):
        kind = "png" if name.endswith("png") else None
        Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / name, kind)
    names = input_pictures.read(tmp_path, GREY).names
    assert set(names) == {"a.jpg", "a.png", "a.jpg.png", "Shirt.png", "shirt.bmp"}


def test_what_is_transparent_in_a_mask_is_not_missing_whatever_colour_is_hidden_there(tmp_path):
    Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / "a.png")
    drawn = np.full((28, 28, 4), 255, np.uint8)
    drawn[..., 3] = 0
    drawn[:5, :, 3] = 255
    drawn[20:, :, :3] = (255, 0, 0)
    Image.fromarray(drawn).save(tmp_path / "hole.png")
    given = input_pictures.read(tmp_path / "a.png", GREY)
    found = input_masks.with_masks(given, tmp_path / "a.png", tmp_path / "hole.png", GREY)
    assert found.masks[0, :5].all() and not found.masks[0, 5:].any()


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize(("side", "spot"), [(2048, 3), (1024, 1)])
def test_a_spot_of_a_large_picture_is_missing_however_small_it_is(side, spot, fit, tmp_path):
    Image.new("L", (side, side), "grey").save(tmp_path / "a.png")
    hole = np.zeros((side, side), np.uint8)
    hole[700 : 700 + spot, 300 : 300 + spot] = 255
    Image.fromarray(hole).save(tmp_path / "hole.png")
    own = DatasetSpec("image_folder", (28, 28, 1), 1, 1, (), folder=replace(READING, fit=fit))
    given = input_pictures.read(tmp_path / "a.png", own)
    found = input_masks.with_masks(given, tmp_path / "a.png", tmp_path / "hole.png", own)
    (pixel,) = np.argwhere(found.masks[0, ..., 0])
    assert pixel.tolist() == [700 * 28 // side, 300 * 28 // side]


def masked(folder: Path, picture: np.ndarray, hole: np.ndarray, spec: DatasetSpec):
    """A picture as it is fitted, and the same without what is missing."""
    for name, values in (("a.png", picture), ("hole.png", hole * np.uint8(255))):
        Image.fromarray(values).save(folder / name)
    given = input_pictures.read(folder / "a.png", spec)
    return given, input_masks.with_masks(given, folder / "a.png", folder / "hole.png", spec)


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [(28, 28), (100, 140), (99, 64), (605, 512), (20, 24)])
def test_what_is_known_stays_as_it_is_beside_what_is_missing(size, fit, tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.data.pictures.LARGE_PIXELS", 600 * 500)  # from which on in strips
    height, width = size
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    picture = np.asarray(Image.fromarray(noise).resize((width, height))).copy()
    hole = np.zeros(size, np.uint8)
    rows, columns = (slice(3 * each // 7, 4 * each // 7) for each in size)
    hole[rows, columns] = 1
    garment = (slice(height // 7, 6 * height // 7), slice(width // 7, 6 * width // 7))
    picture[garment] = (220, 120, 20)  # flat as far as the resizing of known pixels looks
    picture[rows, columns] = (0, 255, 255)
    reading = replace(READING, fit=fit, background="9,9,99")
    spec = DatasetSpec("image_folder", (28, 28, 3), 1, 1, (), folder=reading)
    _, found = masked(tmp_path, picture, hole, spec)
    picture[rows, columns] = (220, 120, 20)
    Image.fromarray(picture).save(tmp_path / "a.png")
    known = (found.masks == 0).repeat(3, axis=-1)
    without_hole = input_pictures.read(tmp_path / "a.png", spec).images
    differences = np.abs(found.images.astype(int) - without_hole)[known]
    assert differences.max() <= 1  # Pillow rounds between rows and columns


@pytest.mark.parametrize("side", [20, 64, 80, 100, 150, 201])
def test_a_pixel_of_which_any_part_is_missing_is_missing(side, tmp_path):
    spec = DatasetSpec("image_folder", (64, 64, 1), 1, 1, (), folder=READING)
    for first in range(side // 4, side // 4 + 8):
        last = 3 * side // 4
        hole = np.zeros((side, side), np.uint8)
        hole[first:last, : side // 2] = 1
        _, found = masked(tmp_path, np.full((side, side), 9, np.uint8), hole, spec)
        expected = np.arange(first * 64 // side, -(-last * 64 // side))
        np.testing.assert_array_equal(np.flatnonzero(found.masks[0, :, 0, 0]), expected)


@pytest.mark.parametrize("size", [(56, 56), (70, 70)])
def test_near_what_is_missing_a_picture_is_as_the_studio_has_it_which_fits_it_first(size, tmp_path):
    noise = np.random.default_rng(0).integers(90, 166, (5, 5), np.uint8)
    picture = np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC))
    drawn = np.zeros((28, 28), np.uint8)  # at the run's size, as it is painted
    drawn[10:16, 8:20] = 1
    hole = np.asarray(Image.fromarray(drawn).resize(size, Image.Resampling.NEAREST))
    given, found = masked(tmp_path, picture, hole, GREY)
    known, both = found.masks == 0, np.stack([found.images, given.images]).astype(int)
    assert np.ptp(both, axis=0)[known].max() <= 6
    far = np.ones((28, 28), bool)
    far[4:22, 2:26] = False
    np.testing.assert_array_equal(found.images[0, far], given.images[0, far])


def test_pixels_of_more_than_16_bits_are_refused(tmp_path):
    Image.fromarray(np.arange(784, dtype=np.int32).reshape(28, 28)).save(tmp_path / "deep.tif")
    with pytest.raises(RefusedError, match="32-bit numbers, convert them to 8 or 16 bits"):
        input_pictures.read(tmp_path / "deep.tif", GREY)


def test_a_mask_leaves_16_bits_as_they_are(tmp_path):
    grey = np.linspace(0, 65535, 784).astype(np.uint16).reshape(28, 28)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    hole = np.zeros((28, 28), np.uint16)
    hole[:4], hole[10:] = 65535, 1000  # which is nearly black
    Image.fromarray(hole).save(tmp_path / "hole.png")
    found = input_pictures.read(tmp_path / "grey.png", GREY)
    masked = input_masks.with_masks(found, tmp_path / "grey.png", tmp_path / "hole.png", GREY)
    np.testing.assert_array_equal(masked.masks[0, :, 0, 0], [1] * 4 + [0] * 24)
    np.testing.assert_array_equal(masked.images[:, 4:], found.images[:, 4:])


def test_each_picture_of_a_folder_has_the_mask_of_its_place(tmp_path):
    for number, place in enumerate(("a", "b")):
        for folder in ("pictures", "holes"):
            (tmp_path / folder / place).mkdir(parents=True)
        Image.fromarray(IMAGES[number, ..., 0]).save(tmp_path / "pictures" / place / "1.png")
        hole = np.zeros((28, 28), np.uint8)
        hole[number] = 255
        Image.fromarray(hole).save(tmp_path / "holes" / place / "1.png")
    source = tmp_path / "pictures"
    found = input_pictures.read(source, GREY)
    masked = input_masks.with_masks(found, source, tmp_path / "holes", GREY)
    assert [each[:, 0, 0].argmax() for each in masked.masks] == [0, 1]


def test_masks_and_pictures_of_one_name_find_each_other_however_it_is_written(tmp_path):
    for folder, name in (("pictures", "cafe\u0301"), ("holes", "caf\u00e9")):
        (tmp_path / folder).mkdir()
        image = Image.new("L", (28, 28), 0)
        image.paste(255, (0, 0, 9, 9))
        image.save(tmp_path / folder / f"{name}.png")
    source, holes = tmp_path / "pictures", tmp_path / "holes"
    input_masks.check_names(source, holes)
    found = input_pictures.read(source, GREY)
    assert input_masks.with_masks(found, source, holes, GREY).masks.sum() == 81


def test_masks_that_are_missing_or_say_nothing_are_named(tmp_path):
    for folder in ("pictures", "holes"):
        (tmp_path / folder).mkdir()
        for name in "abc":
            Image.new("L", (28, 28), 255 * (name == "a")).save(tmp_path / folder / f"{name}.png")
    source, holes = tmp_path / "pictures", tmp_path / "holes"
    found = input_pictures.read(source, GREY)
    with pytest.raises(RefusedError, match=r"a is missing, .*b is known, .*c is known"):
        input_masks.with_masks(found, source, holes, GREY)
    (holes / "b.png").unlink()
    (source / "a.png").write_bytes(b"not read yet")
    with pytest.raises(RefusedError, match="no mask named b"):
        input_masks.check_names(source, holes)


def test_masks_in_which_nothing_is_white_are_told_apart_from_empty_ones(tmp_path):
    Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / "a.png")
    given = input_pictures.read(tmp_path / "a.png", GREY)
    ones = np.zeros((28, 28), np.uint8)
    ones[:9] = 1  # as NumPy and tools for labelling write it
    Image.fromarray(ones).save(tmp_path / "hole.png")
    with pytest.raises(RefusedError, match=r"its brightest pixel is 1 of 255: make it 255 where"):
        input_masks.with_masks(given, tmp_path / "a.png", tmp_path / "hole.png", GREY)


def test_masks_of_which_white_is_unknown_are_refused_as_pictures_are(tmp_path):
    Image.fromarray(IMAGES[0, ..., 0]).save(tmp_path / "a.png")
    given = input_pictures.read(tmp_path / "a.png", GREY)
    inverted = Image.fromarray(np.arange(784, dtype=np.uint16).reshape(28, 28) * 80)
    inverted.save(tmp_path / "hole.tif", tiffinfo={262: 0})
    for take in (
        lambda: input_masks.with_masks(given, tmp_path / "a.png", tmp_path / "hole.tif", GREY),
        lambda: input_pictures.read(tmp_path / "hole.tif", GREY),
    ):
        with pytest.raises(RefusedError, match=r"hole\.tif .*white as 0, convert them to 8"):
            take()


def test_more_pictures_than_fit_are_refused_before_they_are_read(tmp_path, monkeypatch):
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    monkeypatch.setattr("trainer.system.memory.available", lambda: 2 * 28 * 28 - 1)
    with pytest.raises(RefusedError, match="give fewer pictures at once"):
        input_pictures.read(tmp_path, GREY)


def test_what_of_a_folder_is_no_picture_is_said(tmp_path, caplog):
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    (tmp_path / "b.heic").write_bytes(b"a phone's")
    assert len(input_pictures.read(tmp_path, GREY).images) == 1
    assert "--input: 1 file is not used" in caplog.text and "b.heic" in caplog.text
