"""What a run shows: TensorBoard's files, metrics.jsonl, the grids, the progress."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import logging
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageSequence
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from tests.command import ROOT, run_forked
from tests.conftest import finished_flags
from trainer import run_layout
from trainer.configuration import choices, config_json, flags, presets, resume
from trainer.data import loading
from trainer.data.datasets import DATASETS
from trainer.gan.training_step import METRICS
from trainer.monitoring import animation, image_files, image_grids, model_monitor, start_records
from trainer.monitoring.model_monitor import ModelMonitor
from trainer.monitoring.progress import Progress
from trainer.runs import evaluations, event_files, records
from trainer.system.exits import RefusedError

SCALARS = {
    *METRICS,
    "learning_rate/generator",
    "learning_rate/discriminator",
    "throughput/images_per_second",
}


def events(job_dir: Path) -> EventAccumulator:
    accumulator = EventAccumulator(
        str(job_dir / "tensorboard" / "train"), size_guidance={"tensors": 0}
    )
    return accumulator.Reload()


def steps(accumulator: EventAccumulator, tag: str) -> list[int]:
    return [event.step for event in accumulator.Tensors(tag)]


def test_tensorboard_gets_every_tag(finished):
    accumulator = events(finished)
    tags = set(accumulator.Tags()["tensors"])
    assert tags >= SCALARS | {"samples", "real", "configuration", "custom_scalars__config__"}
    assert "_hparams_/session_start_info" in accumulator.summary_metadata
    experiment = metadata.parse_experiment_plugin_data(
        accumulator.summary_metadata["_hparams_/experiment"].plugin_data.content
    )
    names = {info.name for info in experiment.hparam_infos if info.differs}  # which are shown first
    assert names == {"generator_learning_rate", "discriminator_learning_rate", "batch_size"}
    assert steps(accumulator, "real") == [0]
    assert steps(accumulator, "samples") == [0, 63, 125]  # two epochs of 62.5 steps
    assert steps(accumulator, "loss/generator")[-1] == 130


def test_the_layout_joins_both_losses_and_both_scores(finished):
    from tensorboard.plugins.custom_scalar import layout_pb2

    stored = events(finished).Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    charts = layout_pb2.Layout.FromString(stored).category[2].chart
    assert [list(chart.multiline.tag) for chart in charts] == [
        ["^loss/generator$", "^loss/discriminator$"],
        ["^score/real$", "^score/fake$"],
    ]


def test_every_tag_says_what_it_is_and_the_text_how_to_do_it_again(finished):
    accumulator = events(finished)
    for tag in SCALARS | {"samples", "real", "preview"}:
        assert accumulator.summary_metadata[tag].summary_description, tag
    text = accumulator.Tensors("summary")[0].tensor_proto.string_val[0].decode()
    (again,) = (line for line in text.splitlines() if line.startswith("fashion-gan train"))
    asked = flags.train(shlex.split(again)[1:])
    stored = config_json.read(finished)
    assert (asked.recipe, asked.schedule.steps) == (stored.recipe, 130)


def test_the_command_that_repeats_a_run_has_its_size_and_attributes():
    given = ["--dataset=synthetic_garments", "--image_size=64", "--attributes=class,colour"]
    asked = flags.train(["train", "--job_dir=x", "--preset=mlp", "--conditional", *given])
    command = start_records.command(resume.configured(asked, None))
    assert flags.train(shlex.split(command)[1:]).recipe == asked.recipe


@pytest.mark.parametrize(
    "given",
    [
        ["--preset=fashion", "--architecture=stylegan", "--mapping_layers=0"],
        ["--preset=fashion", "--dataset=synthetic_garments", "--attribute_dropout=0"],
        ["--preset=fashion", "--architecture=stylegan_joint", "--max_width=512"],
        ["--preset=stylegan", "--architecture=r3gan", "--width=32", "--max_width=512"],
    ],
)
def test_the_command_that_repeats_a_run_leaves_no_default_to_chance(given):
    asked = flags.train(["train", "--job_dir=x", "--dataset=synthetic", *given])
    command = start_records.command(resume.configured(asked, None))
    assert flags.train(shlex.split(command)[1:]).recipe == asked.recipe


@pytest.mark.parametrize("preset", presets.names())
def test_the_command_that_repeats_a_run_of_another_architecture_is_accepted(preset):
    tried = 0
    for architecture, labels in itertools.product(
        choices.ARCHITECTURES, ((), ("--noconditional",))
    ):
        given = ["train", "--job_dir=x", f"--preset={preset}", f"--architecture={architecture}"]
        try:
            asked = flags.train([*given, *labels, "--dataset=synthetic"])
            run = resume.configured(asked, None)
        except RefusedError:
            continue
        again = flags.train(shlex.split(start_records.command(run))[1:])
        assert again.recipe == asked.recipe
        tried += 1
    assert tried >= 2


def test_a_run_is_a_trial_of_its_own_with_its_quality(tmp_path):
    recipe = flags.train(["train", "--job_dir=x", "--preset=mlp", "--dataset=synthetic"]).recipe
    monitor = ModelMonitor(tmp_path, recipe, lambda: np.zeros((8, 8, 1), np.uint8), dict, [])
    with contextlib.closing(monitor):
        for step, distance in ((10, 5.0), (20, 6.0)):
            evaluations.add(
                tmp_path, {"step": step, "against": "train", "classifier_fid": distance}
            )
            monitor.record(step, {records.EVALUATED_FRECHET: distance}, 1.0)
    shown = {
        tag: [float(tf.make_ndarray(event.tensor_proto)) for event in events(tmp_path).Tensors(tag)]
        for tag in ("quality/frechet_best", "quality/frechet_last")
    }
    assert shown == {"quality/frechet_best": [5, 5], "quality/frechet_last": [5, 6]}


def test_the_records_agree_with_tensorboard(finished):
    lines = records.read_lines(finished / "metrics.jsonl")
    accumulator = events(finished)
    assert [line["step"] for line in lines] == steps(accumulator, "loss/generator")
    for tag in SCALARS:
        shown = [tf.make_ndarray(event.tensor_proto) for event in accumulator.Tensors(tag)]
        np.testing.assert_allclose([line[tag] for line in lines], shown, rtol=1e-6)
    assert lines[-1]["epoch"] == pytest.approx(130 * 64 / 4000)
    assert 0 < lines[-1]["score/fake"] < 1


def test_a_finished_run_holds_every_file_of_the_contract(finished):
    for file in (
        "config.json",
        "metrics.jsonl",
        "checkpoints/ckpt-130.index",
        "results/epoch_00000.png",
        "results/epoch_00001.png",
        "results/epoch_00002.png",
        "results/final.png",
        "results/loss_curves.png",
        "results/real.png",
        "results/training.gif",
        "models/generator.keras",
        "models/discriminator.keras",
    ):
        assert (finished / file).stat().st_size > 0, file
    assert len(list((finished / "checkpoints").glob("*.index"))) == 3
    assert not (finished / "results" / "latest.png").exists()  # only while it trains
    assert not list(finished.rglob(".partial*"))


def test_the_grid_changes_while_the_generator_learns(finished):
    before, after = (
        tf.io.decode_png((finished / "results" / name).read_bytes()).numpy()
        for name in ("epoch_00000.png", "final.png")
    )
    title = image_grids.TITLE_HEIGHT
    assert before.shape == after.shape == (512 + title, 512, 1)
    assert np.abs(before[title:].astype(int) - after[title:]).mean() > 5


def test_an_animation_shows_the_grids_of_the_epochs_in_their_order(finished):
    with Image.open(finished / "results" / "training.gif") as film:
        assert film.n_frames == 3 and film.size == (512, 512 + image_grids.TITLE_HEIGHT)
        shown = np.asarray(film.convert("L"), int)
    first = tf.io.decode_png((finished / "results" / "epoch_00000.png").read_bytes()).numpy()
    assert np.abs(shown - first[:, :, 0]).mean() < 2  # the colours of a GIF are rounded


def test_rows_have_names_and_pictures_a_title():
    picture = np.zeros((40, 30, 3), np.uint8)
    named = image_grids.with_row_names(picture, ["dress", "évasé"])
    titled = image_grids.with_title(named, "step 7")
    width = named.shape[1] - 30
    assert titled.shape == (40 + image_grids.TITLE_HEIGHT, width + 30, 3)
    for part in (named[:20, :width], named[20:, :width], titled[: image_grids.TITLE_HEIGHT]):
        assert part.max() == 255 and part.min() < 100  # black letters on white
    np.testing.assert_array_equal(named[:, width:], picture)


@pytest.mark.parametrize(
    ("count", "columns"),
    [(1, 1), (2, 2), (4, 2), (7, 7), (10, 5), (12, 4), (13, 13), (37, 7), (1031, 33)],
)
def test_an_animation_has_blank_cells_only_where_it_would_be_a_strip(count, columns):
    assert image_grids.full_columns(count) == columns


def test_a_complete_run_says_so_and_touches_nothing(finished):
    def modified() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()}

    before = modified()
    again = run_forked(*finished_flags(finished))
    assert "complete at step 130" in again.stderr
    changed = {path for path, time in modified().items() if before.get(path) != time}
    assert changed <= {finished / ".lock"}


def test_a_complete_run_needs_no_data(finished, tmp_path):
    job_dir = tmp_path / "run"
    shutil.copytree(finished, job_dir)
    stored = json.loads((job_dir / "config.json").read_text())
    stored["recipe"]["data"] = dataclasses.asdict(DATASETS["fashion_mnist"])
    (job_dir / "config.json").write_text(json.dumps(stored))
    empty = f"--data_dir={tmp_path / 'empty'}"
    again = run_forked(*finished_flags(job_dir), "--dataset=fashion_mnist", empty)
    assert "complete at step 130" in again.stderr
    assert not (tmp_path / "empty").exists()


def test_what_a_kill_left_unfinished_is_made_again(finished, tmp_path):
    job_dir = tmp_path / "run"
    shutil.copytree(finished, job_dir)
    (job_dir / "results" / "final.png").unlink()
    (job_dir / "models" / "generator.keras").write_bytes(b"of an earlier step")
    unfinished = job_dir / "models" / ".partial-999999999-"
    unfinished.mkdir()
    (unfinished / "new").write_text("half an export")
    run_forked(*finished_flags(job_dir))
    for file in ("results/final.png", "models/generator.keras"):
        assert (job_dir / file).stat().st_size == (finished / file).stat().st_size
    assert not unfinished.exists()


def test_a_longer_run_goes_on_and_leaves_no_duplicate_and_no_gap(finished, tmp_path):
    job_dir = tmp_path / "longer"
    shutil.copytree(finished, job_dir)
    with open(job_dir / "metrics.jsonl", "a") as file:
        file.write('{"step": 131, "epoch": 2.1}\n{"step": 13')  # written, but never committed
    stray = tf.summary.create_file_writer(str(job_dir / "tensorboard" / "train"))
    with stray.as_default(step=131):
        tf.summary.scalar("loss/generator", 9.0)
    stray.close()
    shutil.copy(job_dir / "results" / "final.png", job_dir / "results" / "epoch_00099.png")

    run_forked(*finished_flags(job_dir), "--steps=140", "--steps_per_loop=2")

    text = (job_dir / "metrics.jsonl").read_text()
    lines = [json.loads(line)["step"] for line in text.splitlines()]
    assert lines[-5:] == [132, 134, 136, 138, 140]
    for tag in SCALARS:
        assert steps(events(job_dir), tag) == lines
    assert not (job_dir / "results" / "epoch_00099.png").exists()
    final = [(folder / "results" / "final.png").read_bytes() for folder in (finished, job_dir)]
    assert final[0] != final[1]


def test_events_that_a_kill_cut_short_are_dropped(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))
    for step in range(5):
        with writer.as_default(step=step):
            tf.summary.scalar("a", float(step))
    writer.close()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-7])

    event_files.trim(tmp_path, 2)

    accumulator = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    assert steps(accumulator, "a") == [0, 1, 2]


def write_events(folder: Path, *steps: int, backwards: bool = False) -> Path:
    """An event file of its own; backwards: by a clock that is ever further behind."""
    before = set(folder.iterdir())
    writer = tf.summary.create_file_writer(str(folder))
    for step in steps:
        with writer.as_default(step=step):
            tf.summary.scalar("a", float(step))
    writer.close()
    (path,) = set(folder.iterdir()) - before
    number = 9 - len(before) if backwards else len(before)
    return path.rename(folder / f"events.out.tfevents.{number}.v2")


@pytest.mark.parametrize("last", [0, 3, 4, 7, 8, 9, 11, 20])
@pytest.mark.parametrize(("just_begun", "backwards"), [(False, False), (True, False), (True, True)])
def test_of_several_event_files_all_after_a_step_is_dropped(tmp_path, last, just_begun, backwards):
    written = ((1, 2, 3), (4, 5, 6, 7), (8, 9, 10))
    paths = [write_events(tmp_path, *steps, backwards=backwards) for steps in written]
    if just_begun:
        write_events(tmp_path, backwards=backwards)
    before = [path.stat().st_mtime_ns for path in paths]

    event_files.trim(tmp_path, last)

    accumulator = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    left = steps(accumulator, "a") if "a" in accumulator.Tags()["tensors"] else []
    assert sorted(left) == [each for each in range(1, 11) if each <= last]
    if last > 3:  # what needs no change is not written again
        assert paths[0].stat().st_mtime_ns == before[0]


def test_a_long_event_file_is_ended_and_another_begun(tmp_path, monkeypatch):
    """A bucket is sent what has changed, and changed files whole."""
    monkeypatch.setattr(model_monitor, "EVENT_FILE_BYTES", 5000)
    recipe = flags.train(["train", f"--job_dir={tmp_path}", "--preset=mlp"]).recipe
    images = np.zeros((28, 28, 1), np.uint8)
    (tmp_path / "tensorboard" / "train").mkdir(parents=True)
    monitor = ModelMonitor(tmp_path, recipe, lambda: images, dict, ())
    for step in range(1, 101):
        monitor.record(step, {"loss/generator": 1.0}, 1.0)
    monitor.close()
    files = list((tmp_path / "tensorboard" / "train").iterdir())
    assert len(files) > 2 and max(path.stat().st_size for path in files) < 6000
    # Read in the order of names, in which file 10 of a second comes before its file 9.
    assert sorted(steps(events(tmp_path), "loss/generator")) == list(range(1, 101))


def test_event_files_that_someone_removes_are_begun_anew(tmp_path):
    recipe = flags.train(["train", f"--job_dir={tmp_path}", "--preset=mlp"]).recipe
    images = np.zeros((28, 28, 1), np.uint8)
    monitor = ModelMonitor(tmp_path, recipe, lambda: images, dict, ())
    for step in range(1, 7):
        monitor.record(step, {"loss/generator": 1.0}, 1.0)
        if step == 3:
            shutil.rmtree(tmp_path / "tensorboard")
    monitor.close()
    assert steps(events(tmp_path), "loss/generator") == [5, 6]  # 4 went into what is gone


def test_a_grid_has_every_image_at_its_place():
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 3, 1), np.uint8)
    picture = image_grids.grid(images)
    assert picture.shape == (2 * 2 * 8, 2 * 3 * 7, 1)
    centres = picture[8::16, 7::14, 0]
    np.testing.assert_array_equal(centres, [[0, 1, 2], [3, 4, 5]])


def test_colour_images_keep_their_channels(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    image_files.write_png(tmp_path / "grid.png", image_grids.grid(images))
    stored = tf.io.decode_png((tmp_path / "grid.png").read_bytes())
    assert stored.shape == (48, 72, 3)


LOOP = {"loss/generator": 0.7, "loss/discriminator": 1.4, "throughput/images_per_second": 99.0}


def test_without_a_terminal_a_line_appears_every_thirty_seconds(caplog):
    caplog.set_level(logging.INFO, logger="trainer")
    now = [0.0]
    progress = Progress(0, 100, clock=lambda: now[0], terminal=False)
    for second in range(0, 100, 10):
        now[0] = second
        progress.report(second + 1, 0.5, LOOP)
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "step 1/100",
        "step 31/100",
        "step 61/100",
        "step 91/100",
    ]
    assert caplog.records[0].getMessage().endswith("99 images/s")  # no speed is known yet
    assert caplog.records[1].getMessage().endswith("99 images/s, ETA 0:01:09")


def test_no_time_is_told_that_nobody_waits_for(caplog):
    caplog.set_level(logging.INFO, "trainer")
    now = [0.0]
    progress = Progress(0, 10**17, clock=lambda: now[0], terminal=False)
    for second in range(0, 100, 10):
        now[0] = second
        progress.report(second + 1, 0.5, LOOP)
    assert "step 91/" in caplog.text and "ETA" not in caplog.text


def test_on_a_terminal_a_bar_shows_how_far_how_long_how_good_and_what_is_done():
    now = [0.0]
    progress = Progress(0, 100, clock=lambda: now[0], terminal=True, distances=[3.5])
    progress.report(10, 0.1, LOOP)
    assert "left" not in progress.line(200, "training from step 10 to 11")  # nobody knows yet
    for second, distance in ((10, 5.0), (20, 6.0)):
        now[0] = second
        progress.report(10 + second, 0.5, {**LOOP, records.EVALUATED_FRECHET: distance})
    shown = progress.line(200, "evaluating step 30")
    progress.close()
    assert shown.split(" · ") == [
        " 30% █████████░░░░░░░░░░░░░░░░░░░░░ 30/100",
        "evaluating step 30",
        "0:01:10 left",
        "Fréchet 6.00, best 3.50",
        "99 images/s",
        "epoch 0.5",
        "loss G 0.70 D 1.40",
    ]
    for columns in (20, 40, 80, 120):
        assert len(progress.line(columns, "saving")) <= max(columns, 18)


def test_the_data_shown_as_real_are_of_the_data_set(finished):
    stored = events(finished).Tensors("real")[0].tensor_proto.string_val[2]
    shown = tf.io.decode_png(stored).numpy()
    first = shown[image_grids.TITLE_HEIGHT :][4:60:2, 4:60:2]
    images, _ = loading.load(DATASETS["synthetic"], "train", ROOT, ROOT)
    assert (images == first).all(axis=(1, 2, 3)).any()


def test_long_names_of_rows_keep_their_ends():
    strips = [
        image_grids.with_row_names(np.full((40, 8, 1), 255, np.uint8), [f"{'a' * 60}/{name}", ""])
        for name in ("one, 21.3 dB", "one, 12.0 dB")
    ]
    assert any(one.shape != other.shape or (one != other).any() for one, other in [strips])


def test_an_animation_has_its_frames_in_the_order_of_the_epochs(tmp_path):
    (tmp_path / run_layout.RESULTS).mkdir()
    for epoch, grey in ((98000, 40), (99999, 120), (100000, 200)):
        picture = Image.new("L", (16, 16), grey)
        picture.save(tmp_path / run_layout.grid(epoch))
    animation.write(tmp_path)
    with Image.open(tmp_path / run_layout.ANIMATION) as shown:
        greys = [np.asarray(each.convert("L")).mean() for each in ImageSequence.Iterator(shown)]
    assert greys == sorted(greys) and len(greys) == 3


def test_an_animation_leaves_out_what_cannot_be_read_and_says_so(tmp_path, caplog):
    (tmp_path / run_layout.RESULTS).mkdir()
    for epoch, grey in ((1, 40), (2, 120), (3, 200)):
        Image.new("L", (16, 16), grey).save(tmp_path / run_layout.grid(epoch))
    (tmp_path / run_layout.grid(4)).write_bytes(b"")
    cut = tmp_path / run_layout.grid(2)
    cut.write_bytes(cut.read_bytes()[:-30])
    (tmp_path / "results" / "epoch_notes.png").write_text("the last one is best")
    animation.write(tmp_path)
    with Image.open(tmp_path / run_layout.ANIMATION) as shown:
        assert shown.n_frames == 2
    assert caplog.text.count("is left out of the animation: it cannot be read") == 3


def test_names_with_line_breaks_are_drawn_in_one_line():
    picture = np.zeros((40, 20, 1), np.uint8)
    broken, whole = "dark\nblue\x85", "dark blue "
    for draw in (
        lambda name: image_grids.with_row_names(picture, [name]),
        lambda name: image_grids.with_column_names(picture, [name], 20),
        lambda name: image_grids.with_title(picture, name),
    ):
        np.testing.assert_array_equal(draw(broken), draw(whole))
