"""inpaint: pictures with holes, from files, folders and arrays, by a run made for it or any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.command import run_forked
from tests.conftest import FEW_REFERENCES, train_flags
from tests.untrained_runs import untrained
from trainer.commands import inpaint
from trainer.configuration import editing_flags
from trainer.system.exits import RefusedError

SMALL = ("--width=4", "--max_width=8", "--precision=float32", "--penalty_interval=1", "--steps=3")
PICTURES = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8)
MASKS = np.zeros((3, 28, 28, 1), np.uint8)
MASKS[:, 8:20, 4:18] = 1


@pytest.fixture(scope="module")
def completing(tmp_path_factory) -> Path:
    """A finished training of a run that completes."""
    job_dir = tmp_path_factory.mktemp("runs") / "completing"
    run_forked(
        *train_flags(job_dir, "--preset=inpaint", "--dataset=synthetic", *SMALL),
        "--evaluation_interval=3",
        "--evaluation_samples=20",
        before=FEW_REFERENCES,
    )
    return job_dir


@pytest.fixture(scope="module")
def drawing(tmp_path_factory) -> Path:
    """One of a run that draws whole pictures."""
    job_dir = tmp_path_factory.mktemp("runs") / "drawing"
    return untrained(job_dir, "--preset=fashion", "--dataset=synthetic", *SMALL)


@pytest.fixture
def arrays(tmp_path) -> Path:
    path = tmp_path / "pictures.npz"
    np.savez(path, images=PICTURES, masks=MASKS, labels=np.array([1, -1, 3]))
    return path


def completed(job_dir: Path, output: Path, source: Path, *more: str) -> np.ndarray:
    """The images that the command writes to an .npz."""
    given = [f"--job_dir={job_dir}", f"--input={source}", f"--output={output}", *more]
    inpaint.run(editing_flags.inpaint(["inpaint", *given]))
    with np.load(output) as file:
        return file["images"]


def test_a_run_shows_its_pictures_in_threes_and_is_measured(completing):
    assert (completing / "results" / "final.png").exists()
    assert (completing / "checkpoints" / "best").is_dir()
    assert "evaluation/completion_psnr" in (completing / "metrics.jsonl").read_text()
    assert "pictures, masks]" in (completing / "models" / "README.md").read_text()


def test_a_completion_a_picture_in_their_order_with_all_that_is_known(completing, arrays, tmp_path):
    images = completed(completing, tmp_path / "x.npz", arrays)
    assert images.shape == PICTURES.shape and images.dtype == np.uint8
    np.testing.assert_array_equal(images[MASKS == 0], PICTURES[MASKS == 0])
    assert (images[MASKS == 1] != PICTURES[MASKS == 1]).any()


def test_several_completions_of_a_picture_follow_each_other_by_seed(completing, arrays, tmp_path):
    one = completed(completing, tmp_path / "1.npz", arrays, "--seed=1")
    three = completed(completing, tmp_path / "3.npz", arrays, "--num=3")
    assert three.shape == (9, 28, 28, 1)
    np.testing.assert_array_equal(three[1::3], one)


def test_what_lies_under_the_mask_is_not_looked_at(completing, arrays, tmp_path):
    other = tmp_path / "other.npz"
    noise = np.random.default_rng(1).integers(0, 256, PICTURES.shape, np.uint8)
    np.savez(other, images=np.where(MASKS, noise, PICTURES), masks=MASKS, labels=[1, -1, 3])
    first, second = (
        completed(completing, tmp_path / f"of_{path.stem}.npz", path) for path in (arrays, other)
    )
    np.testing.assert_array_equal(first, second)


def test_labels_of_the_file_are_used_unless_others_are_given(completing, arrays, tmp_path):
    own = completed(completing, tmp_path / "own.npz", arrays)
    given = completed(completing, tmp_path / "given.npz", arrays, "--labels=1,7,3")
    with np.load(tmp_path / "given.npz") as file:
        np.testing.assert_array_equal(file["labels"], [1, 7, 3])
    np.testing.assert_array_equal(given[::2], own[::2])
    assert (given[1] != own[1]).any()


@pytest.mark.parametrize(
    ("flag", "is_said"), [("--recognition=0", True), ("--noconditional", False)]
)
def test_labels_that_nobody_gives_or_tells_are_spoken_of_where_the_run_goes_by_any(
    flag, is_said, arrays, tmp_path, caplog
):
    run = untrained(tmp_path / "run", "--preset=inpaint", "--dataset=synthetic", *SMALL, flag)
    completed(run, tmp_path / "x.npz", arrays)
    assert ("labels that are not given stay unset" in caplog.text) == is_said


def test_files_and_folders_with_a_mask_of_their_size(completing, arrays, tmp_path):
    pictures, holes = tmp_path / "pictures", tmp_path / "holes"
    for folder, values in ((pictures, PICTURES), (holes, MASKS * np.uint8(255))):
        folder.mkdir()
        for number, each in enumerate(values):
            Image.fromarray(each.squeeze(-1)).save(folder / f"p{number}.png")
    hole = f"--mask={holes / 'p0.png'}"
    of_arrays = completed(completing, tmp_path / "a.npz", arrays, "--labels=0")
    for more in (f"--mask={holes}", hole):
        images = completed(completing, tmp_path / "f.npz", pictures, more, "--labels=0")
        np.testing.assert_array_equal(images, of_arrays)
    odd = (pictures / "p0.png").rename(pictures / "p [0] *.png")  # as downloads are called
    one = completed(completing, tmp_path / "1.npz", odd, hole, "--labels=0")
    np.testing.assert_array_equal(one, of_arrays[:1])


def test_of_a_large_picture_nothing_shines_from_under_the_mask(completing, tmp_path):
    values = np.full((100, 140), 60, np.uint8)
    hole = np.zeros_like(values)
    hole[40:60, 60:80] = 255
    Image.fromarray(hole).save(tmp_path / "hole.png")
    results = []
    for number, under in enumerate((0, 255)):
        Image.fromarray(np.where(hole, np.uint8(under), values)).save(tmp_path / f"{number}.png")
        source = tmp_path / f"{number}.png"
        mask = f"--mask={tmp_path / 'hole.png'}"
        results.append(completed(completing, tmp_path / f"{number}.npz", source, mask))
    np.testing.assert_array_equal(*results)
    assert (results[0][0, :8] == 60).all()


def test_pictures_and_a_folder_of_them_are_written(completing, arrays, tmp_path):
    for output in (tmp_path / "x.png", tmp_path / "folder"):
        given = [f"--job_dir={completing}", f"--input={arrays}", f"--output={output}", "--num=2"]
        inpaint.run(editing_flags.inpaint(["inpaint", *given]))
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names[:2] == ["0-seed0.png", "0-seed1.png"] and len(names) == 6
    with Image.open(tmp_path / "folder" / names[0]) as picture:
        assert picture.size == (28, 28)
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size[1] == 3 * 64


def test_any_run_completes_by_search_and_says_that_it_is_slower(drawing, arrays, tmp_path, caplog):
    few = ("--restarts=1", "--steps=2")
    images = completed(drawing, tmp_path / "x.npz", arrays, *few)
    np.testing.assert_array_equal(images[MASKS == 0], PICTURES[MASKS == 0])
    assert "slower; a run of" in caplog.text


@pytest.mark.parametrize(
    ("masks", "text"),
    [
        (None, "marks no pixel as missing"),
        (np.zeros_like(MASKS), "all of picture 0 is known, so nothing is missing"),
        (np.ones_like(MASKS), "all of picture 0 is missing, so nothing is known"),
        (MASKS[:, :14], r"masks is uint8 \[3, 14, 28, 1\], but must be uint8 \[3, 28, 28, 1\]"),
        (MASKS * 2, "masks must be 1 where pixels are missing"),
    ],
)
def test_masks_that_leave_nothing_to_do_or_do_not_fit_are_refused(
    completing, tmp_path, masks, text
):
    path = tmp_path / "x.npz"
    np.savez(path, images=PICTURES, **({} if masks is None else {"masks": masks}))
    with pytest.raises(RefusedError, match=text):
        completed(completing, tmp_path / "y.npz", path)


def test_mask_files_of_another_size_or_with_colours_are_refused(completing, arrays, tmp_path):
    mask = tmp_path / "mask.png"
    Image.new("L", (30, 28)).save(mask)
    with pytest.raises(RefusedError, match="has 30x28 pixels, but must have 28x28"):
        completed(completing, tmp_path / "y.npz", arrays, f"--mask={mask}")
    Image.new("RGB", (28, 28), (255, 0, 0)).save(mask)
    with pytest.raises(RefusedError, match="is in colour"):
        completed(completing, tmp_path / "y.npz", arrays, f"--mask={mask}")
    with pytest.raises(RefusedError, match="does not exist"):
        completed(completing, tmp_path / "y.npz", arrays, "--mask=nothing.png")


def test_flags_of_a_search_that_is_not_made_are_refused(completing, arrays, tmp_path):
    with pytest.raises(RefusedError, match="--steps applies only to a search"):
        completed(completing, tmp_path / "y.npz", arrays, "--steps=50")


@pytest.mark.parametrize(
    "command", ["generate --output=x.png", "evaluate", "export", "project --input=a --output=b.npz"]
)
def test_commands_for_whole_pictures_refuse_a_run_that_completes(completing, command):
    name, *given = command.split()
    process = run_forked(name, f"--job_dir={completing}", *given, code=64)
    assert "use `fashion-gan inpaint" in process.stderr


def test_an_odd_entry_of_a_photo_s_exif_hinders_nothing(drawing, tmp_path):
    """Its turn is taken, and nothing else that a camera has written."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright = np.zeros((40, 60), np.uint8)
    mask = Image.fromarray(np.pad(np.full((20, 30), 255, np.uint8), 10)[:40, :50].T)
    photo = Image.fromarray(upright[:, :50].T)
    for name, picture in (("photo", photo), ("mask", mask)):
        turned = picture.transpose(Image.Transpose.ROTATE_90)
        turned.save(tmp_path / f"{name}.jpg", exif=with_odd_resolution(exif))
    given = ("--steps=2", "--restarts=1", "--num=1", f"--mask={tmp_path / 'mask.jpg'}")
    assert len(completed(drawing, tmp_path / "x.npz", tmp_path / "photo.jpg", *given)) == 1


def with_odd_resolution(exif: Image.Exif) -> bytes:
    """A text where a fraction belongs."""
    whole = Image.Exif()
    whole.update(exif)
    whole[ExifTags.Base.ImageDescription] = "72dpi"
    written = bytearray(whole.tobytes())
    kind = ExifTags.Base.ImageDescription.to_bytes(2, "little")
    at = written.index(kind) if kind in written else written.index(kind[::-1])
    order = "little" if kind in written else "big"
    written[at : at + 2] = ExifTags.Base.XResolution.to_bytes(2, order)
    return bytes(written)


def test_names_too_long_for_completions_are_refused_before_the_search(drawing, tmp_path):
    picture, mask = Image.new("L", (28, 28), "grey"), np.zeros((28, 28), np.uint8)
    mask[:9] = 255
    long = f"{'a' * 249}.png"
    picture.save(tmp_path / long)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    with pytest.raises(RefusedError, match="is too long a name for its completions"):
        given = ("--steps=2", "--restarts=1", "--num=1", f"--mask={tmp_path / 'mask.png'}")
        completed(drawing, tmp_path / "out", tmp_path / long, *given)
    assert not (tmp_path / "out").exists()
