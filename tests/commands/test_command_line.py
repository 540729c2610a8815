"""The command line: what is refused, and how."""

from __future__ import annotations

import json
import re
import shlex
import statistics
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.command import ROOT, run_forked
from tests.conftest import train_flags
from trainer import __main__
from trainer.configuration import choices, config_json, explanations, flags, presets, resume
from trainer.data import labels
from trainer.data.datasets import DATASETS, IMAGE_FOLDER
from trainer.system import exits, signals, streams
from trainer.system.exits import RefusedError


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch):
    """The entry point in this process, which keeps its own signal handlers."""
    monkeypatch.setattr(streams, "install", lambda _: None)
    monkeypatch.setattr(signals, "install", lambda: None)
    monkeypatch.setattr(signals, "ignore", lambda: None)
    return __main__.main


MANY = "9" * 5000  # more digits than Python reads unless told to

WRONG_FLAGS = {
    "--bach_size=8": "Did you mean: batch_size",
    "--initialize_from=": "--initialize_from",
    "--lr=1e-3": "Did you mean: discriminator_learning_rate, generator_learning_rate",
    "--learning_rate=1e-3": "Did you mean: discriminator_learning_rate, generator_learning_rate",
    "--batch_size=-1": "batch_size",
    "--batch_size=0": "batch_size",
    "--batch_size=many": "batch_size",
    "--batch_size=60001": "60000 images",
    "--batch_size=9 --virtual_devices=2": "not divisible by the 2 replicas: try 8",
    "--batch_size=2 --virtual_devices=4": "try 4",
    "--steps=0": "steps",
    "--steps=1.5": "steps",
    "--epochs=0": "epochs",
    "--epochs=": "epochs",
    "--save_interval=0": "save_interval",
    "--checkpoint_interval=-1": "checkpoint_interval",
    "--keep_checkpoints=0": "keep_checkpoints",
    "--steps_per_loop=-1": "steps_per_loop",
    "--preset=dcgann": "did you mean dcgan",
    "--preset=": "unknown",
    "--architecture=vgg": "architecture",
    "--noise_dim=0": "noise_dim",
    "--dropout=1": "below 1",
    "--preset=fashion --dropout=0.3": "does not apply to --architecture=style",
    "--loss=wgan --label_noise=0.1": "moves the targets of a loss",
    "--label_noise=0.5": "below 0.5",
    "--preset=dcgan --critic_steps=2": "contradicts --update=simultaneous",
    "--critic_steps=0": "critic_steps",
    "--preset=dcgan --loss=wgan": "diverges without a bound",
    "--preset=wgan --spectral_norm": "undoes --weight_clip",
    "--preset=r3gan --spectral_norm": "zero at first",
    "--weight_clip=0.01": "bounds a Wasserstein critic",
    "--weight_clip=nan": "must be finite",
    "--preset=wgan --gradient_penalty=10": "use one of them",
    "--r1=-1": "at least 0",
    "--preset=fashion --gradient_penalty=10": "use one or the other",
    "--preset=dcgan --penalty_interval=4": "no penalty to space out",
    "--preset=dcgan --penalty_schedule=linear --penalty_final_factor=0.1": "no penalty to change",
    "--preset=fashion --penalty_schedule=constant": "contradicts --penalty_schedule=constant",
    "--preset=dcgan --generator_schedule=cosine": "changes nothing",
    "--preset=fashion --discriminator_final_factor=0": "above 0 and at most 1",
    "--preset=dcgan --optimizer=rmsprop": "--generator_beta_1=0",
    "--generator_beta_1=1": "below 1",
    "--discriminator_beta_2=-0.1": "at least 0",
    "--ema_half_life=-1": "number of images",
    "--augment=flip": "names 'flip', which is none of adaptive, colour, translation, cutout",
    "--augment=cutout --augment_target=0.5": "--augment=adaptive aims at: add that",
    "--augment=adaptive --augment_target=1": "above 0 and below 1",
    "--augment=adaptive --augment_target=nan": "above 0 and below 1",
    "--loss=mae": "loss",
    "--update=never": "update",
    "--dropout=-0.1": "at least 0",
    "--width=0": "width",
    "--max_width=100001": "max_width",
    "--preset=mlp --width=8": "does not apply to --architecture=mlp",
    "--preset=mlp --max_width=8": "does not apply to --architecture=mlp",
    "--preset=dcgan --max_width=63": "use at least 64, or a smaller --width",
    "--preset=dcgan --width=8 --max_width=7": "use at least 8",
    "--mapping_layers=-1": "mapping_layers",
    "--preset=dcgan --mapping_layers=0": "--architecture=dcgan has none",
    "--preset=own --architecture=dcgan --mapping_layers=2": "--architecture=dcgan has none",
    "--image_size=0": "image_size",
    "--image_size=large": "image_size",
    "--dataset=celeb_a --noconditional --image_size=15": "use 16 or 20",
    "--dataset=celeb_a --noconditional --image_size=50": "use 48 or 56",
    "--dataset=celeb_a --noconditional --image_size=257": "use 224 or 256",
    "--dropout=nan": "dropout",
    "--generator_learning_rate=0": "positive",
    "--generator_learning_rate=nan": "positive",
    "--discriminator_learning_rate=-1e-4": "positive",
    "--discriminator_learning_rate=inf": "positive",
    "--seed=-1": "seed",
    "--seed=2147483648": "seed",
    "--precision=float16": "precision",
    "--profile_steps=5": "like 100,120",
    "--profile_steps=5,3": "like 100,120",
    "--profile_steps=10,20 --steps=15": "beyond the run's 15 steps",
    "--dataset=imagenet": "dataset",
    "--strategy=parameter_server": "strategy",
    "--strategy=one_device --virtual_devices=2": "contradicts",
    "--virtual_devices=-1": "virtual_devices",
    "--threads=-1": "threads",
    "--metrics_port=65536": "metrics_port",
    "--job_dir=": "job_dir",
    "--job_dir=s3://bucket/run": "local path",
    "--initialize_from=docs": "--initialize_from=docs holds no run: train it first",
    "--initialize_from=docs --dry_run": "--initialize_from=docs holds no run: train it first",
    "--initialize_from=gs://bucket": "--initialize_from=gs://bucket is a whole bucket",
    "--data_dir=s3://bucket/data": "local path",
    "--flagfile=missing.flags": "missing.flags",
    "extra": "stray argument 'extra'",
    "--dry_run=perhaps": "dry_run",
    "--job_dir=/dev/null/run": "cannot be written",
    "--job_dir=README.md": "cannot be written",
    "--job_dir=/dev/null/run --dry_run": "cannot be written",
    "--job_dir=~nobody_of_that_name/run": "job_dir",
    "--job_dir=both --data_dir=both": "use two folders",
    "--job_dir=runs/[a]": "must not contain",
    "--data_dir=README.md": "--data_dir=README.md cannot be written",
    "--data_dir=README.md --dry_run": "--data_dir=README.md cannot be written",
    "--data_dir=": "must not be empty",
    "--data_dir=/" + 5000 * "x": "cannot be written",
    "--threads=99999999999": "threads",
    "--noise_dim=99999999999": "noise_dim",
    "--virtual_devices=65": "virtual_devices",
    "--job_dir=a\\b": "must not contain",
    "--job_dir=a\0b": "control characters",
    "--job_dir=a\udcff": "must be UTF-8",
    "--job_dir=" + 300 * "x": "too long",
    "--job_dir=both --data_dir=./x/../both": "use two folders",
    "--discriminator_beta_1=0.99999999": "below 1",
    "--generator_learning_rate=1e-46": "would be zero in float32",
    "--generator_learning_rate=1e39": "would be infinite in float32",
    "--preset=wgan --weight_clip=1e-46": "would be zero in float32",
    "--preset=dcgan --dropout=0.99999999": "below 1",
    "--preset=dcgan --dropout=0.999": "at most 0.996",
    "--label_noise=0.499999999": "below 0.5",
    "--flagfile=docs/quality/fashion_before_styles@20.png": "utf-8",
}


@pytest.mark.parametrize("wrong", WRONG_FLAGS)
def test_wrong_flags_are_refused_in_one_line_before_anything_is_made(
    wrong, main, capsys, tmp_path, monkeypatch
):
    job_dir = tmp_path / "run"
    monkeypatch.setitem(sys.modules, "trainer.training.run", None)  # TensorFlow would come with it

    code = main(["train", f"--job_dir={job_dir}", "--steps=1", *wrong.split()])

    captured = capsys.readouterr()
    assert code == exits.REFUSED
    assert WRONG_FLAGS[wrong] in captured.err
    assert captured.err.count("\n") == 1
    assert not captured.out
    assert not job_dir.exists()


def test_a_missing_job_dir_is_refused(main, capsys):
    assert main(["train"]) == exits.REFUSED
    assert "--job_dir" in capsys.readouterr().err


def test_an_unknown_command_is_refused(main, capsys):
    assert main(["trian"]) == exits.REFUSED
    assert "unknown command 'trian'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        "generate --job_dir={run} --output=x.png",
        "generate --job_dir={run} --output=x.jpeg",
        "generate --job_dir={run} --output=x.png --num=0",
        "generate --job_dir={run} --output=x.gif --num=1",
        "generate --job_dir={run} --output=x.png --truncation=0",
        "generate --job_dir={run} --output=x.png --truncation=inf",
        "generate --job_dir={run} --output=x.png --truncation=1e-46",
        "generate --job_dir={run} --output=x.png --checkpoint=a*b",
        "generate --job_dir={run} --output=a[b/x.png",
        "generate --job_dir={run}",
        "generate --job_dir={run} --output=",
        "generate --job_dir={run} --output=gs://bucket/x.png",
        "export --job_dir={run} --format=saved_model --output=.",
        "plot --job_dir=",
        "export --job_dir={run}",
        "export --job_dir={run} --format=onnx",
        "export --job_dir={run} --format=keras --output=x.h5",
        "plot --job_dir={run}",
        "prepare_data --dataset=synthetic --source={run}",
        "prepare_data --source={run} --data_dir={run}",
        "presets extra",
    ],
)
def test_other_commands_refuse_what_cannot_work(arguments, main, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code = main(shlex.split(arguments.format(run=tmp_path / "nothing")))

    assert code == exits.REFUSED
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("train", "--job_dir=FOLDER is needed"),
        ("generate --job_dir=x", "--output=FILE is needed"),
        (
            "generate --job_dir={0}/a --output={0}/x.png",
            "holds no run: train first; there are {0}/b",
        ),
        ("generate --job_dir={0}/b --output={0}/x.png --labels=bog", "is not a value"),
        (f"generate --job_dir={{0}}/b --output={{0}}/x.png --labels=#{MANY}", "is not a value"),
        (f"generate --job_dir={{0}}/b --output={{0}}/x.png --checkpoint={MANY}", "too long"),
        (f"train --job_dir={{0}}/c --profile_steps={MANY},{MANY}", "--profile_steps"),
        ("generate --job_dir={0}/b --output={0}/x.png --checkpoint=7", "does not exist"),
        ("train --job_dir={0}/b --steps=4", "b has 5 steps already, more than the 4"),
        ("export --job_dir={0}/b --checkpoint=best", "holds no evaluated checkpoint"),
        ("export --job_dir={0}/b --format=h5", "use --format=keras"),
        ("evaluate --job_dir={0}/b --checkpoint=7", "does not exist"),
        ("evaluate --job_dir={0}/a", "holds no run"),
        ("evaluate --job_dir={0}", "holds no run: train first; there are {0}/b"),
    ],
)
def test_what_is_wrong_is_said_at_once(arguments, wanted, main, capsys, tmp_path, monkeypatch):
    for heavy in ("commands.samples", "runs.trained_networks", "evaluation.checkpoint_results"):
        monkeypatch.setitem(sys.modules, f"trainer.{heavy}", None)  # TensorFlow would come with it
    asked = flags.train(["train", f"--job_dir={tmp_path / 'b'}"])
    for step in (0, 5):
        path = tmp_path / "b" / "checkpoints" / f"ckpt-{step}.index"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    text = config_json.to_json(resume.configured(asked, None))
    (tmp_path / "b" / "config.json").write_text(text)

    assert main(arguments.format(tmp_path).split()) == exits.REFUSED

    shown = capsys.readouterr().err
    assert wanted.format(tmp_path) in shown and shown.count("\n") == 1


@pytest.mark.parametrize(
    "written", ["ankle_boot", "Ankle boot", "ANKLE-BOOT", "boot", "9", "T-shirt_top", "T-shirt/top"]
)
def test_classes_are_found_as_people_write_them(written):
    attribute = DATASETS["fashion_mnist"].attributes
    assert labels.parse(written, attribute) == (0 if "shirt" in written else 9,)


def test_help_shows_the_command_s_own_flags_in_groups(main, capsys):
    assert main(["train", "--help"]) == exits.OK
    shown = capsys.readouterr().out
    assert "needed:\n  --job_dir=FOLDER" in shown
    assert "networks:\n  --architecture=style" in shown
    assert "--format" not in shown


def test_help_shows_the_values_in_force(main, capsys):
    assert main(["train", "--preset=dcgan", "--seed=7", "--help"]) == exits.OK
    shown = capsys.readouterr().out
    assert "--batch_size=256\n" in shown and "--seed=7\n" in shown
    assert main(["train", "--preset=dcgn", "--help"]) == exits.REFUSED
    assert "did you mean dcgan" in capsys.readouterr().err


def test_what_can_be_chosen_is_explained():
    explained = explanations.OF_CHOICES
    assert choices.ARCHITECTURES.keys() <= explained["architecture"].keys()
    assert choices.LOSSES.keys() == explained["loss"].keys()
    assert {*DATASETS, IMAGE_FOLDER} == explained["dataset"].keys()
    assert choices.EXPORT_SUFFIXES.keys() == explained["format"].keys()


def test_every_preset_resolves_and_is_listed(main, capsys):
    for name in presets.names():
        resolved = flags.train(["train", "--job_dir=x", f"--preset={name}"])
        assert resolved.preset == name
        assert resolved.schedule.steps is None  # presets set epochs
    assert main(["presets"]) == exits.OK
    shown = capsys.readouterr().out
    rows = [line.split()[0] for line in shown.split("\n\n")[0].splitlines() if line[0] != " "]
    assert rows[:2] == ["preset", "fashion"] and sorted(rows[1:]) == presets.names()


def test_presets_are_compared_by_what_was_measured():
    measured = json.loads((ROOT / "docs" / "quality.json").read_text())
    for name in presets.names():
        row = f"{name}@15"
        seeds = [each for known, each in measured.items() if known.partition("-seed")[0] == row]
        distances = [each["classifier_fid"] for each in seeds]
        expected = f"{statistics.median(distances):.2f}" if distances else ""
        assert presets.remark(name, "for")
        assert presets.remark(name, "frechet") == expected


@pytest.mark.parametrize(
    "order", [["--noise_dim=7", "--preset=dcgan"], ["--preset=dcgan", "--noise_dim=7"]]
)
def test_the_user_s_flag_wins_over_the_preset_wherever_it_stands(order):
    assert flags.train(["train", "--job_dir=x", *order]).recipe.networks.noise_dim == 7


def test_a_flag_file_gives_flags_and_presets(tmp_path):
    file = tmp_path / "my.flags"
    file.write_text("--preset=dcgan\n--noise_dim=9\n")
    resolved = flags.train(["train", "--job_dir=x", f"--flagfile={file}"])
    assert (resolved.recipe.networks.noise_dim, resolved.recipe.batch_size) == (9, 256)


def test_a_dry_run_prints_the_configuration_and_the_networks_and_writes_nothing(tmp_path):
    job_dir = tmp_path / "run"

    shown = run_forked(
        *train_flags(job_dir, "--dataset=synthetic", "--dry_run", "--virtual_devices=2")
    )

    resolved, _ = json.JSONDecoder().raw_decode(shown.stdout)
    assert resolved["recipe"]["batch_size"] == 8
    assert resolved["environment"]["replicas"] == 2
    assert 'Model: "generator"' in shown.stdout
    assert 'Model: "discriminator"' in shown.stdout
    assert "generator: 559,632 parameters, 0.6 MMAC an image" in shown.stdout
    assert not job_dir.exists()


def test_mirroring_without_a_gpu_is_refused(tmp_path):
    refused = run_forked(
        *train_flags(tmp_path, "--strategy=mirrored", "--dry_run"), code=exits.REFUSED
    )
    assert "--virtual_devices=2" in refused.stderr


@pytest.mark.parametrize(
    ("file", "call", "count"),
    [
        ("README.md", r"bin/fashion-gan (\w+)([^`\n]*)", 24),
        ("docs/editing.md", r"bin/fashion-gan (\w+)([^`\n]*)", 12),
        ("README.md", r"\./scripts/(train)\.sh ([^`\n]*)", 1),
        ("scripts/train.sh", r"\./scripts/(train)\.sh ([^`\n]*)", 1),
        ("scripts/train.sh", r"()quick_start=\(([^)]*)\)", 3),
    ],
)
def test_every_flag_that_is_written_down_parses(file, call, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(64):  # of which one tenth is for tests
        path = tmp_path / "pictures" / f"class {number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    found = re.findall(call, (ROOT / file).read_text(encoding="utf-8"))
    assert len(found) == count
    for name, words in found:
        command = __main__.COMMANDS[name or "train"]
        arguments = shlex.split(words)
        if command.module == "train" and "--job_dir" not in words:
            arguments.append("--job_dir=x")
        if "--help" not in arguments:
            command.configure([name, *arguments])


def test_a_flag_of_another_command_is_refused():
    with pytest.raises(RefusedError, match="batch_size"):
        flags.plot(["plot", "--job_dir=x", "--batch_size=1"])


def test_paths_may_start_with_a_tilde():
    assert flags.plot(["plot", "--job_dir=~/runs/a"]).job_dir == Path("~/runs/a").expanduser()


@pytest.mark.parametrize(
    ("given", "said"),
    {
        "train --epochs=abc": "--epochs=abc is not a whole number",
        "train --minutes=soon": "--minutes=soon is not a number",
        "generate --output=x.png --num=-3": "--num=-3 must be from 1 to 10000000",
        "train --preset=fashon": "--preset=fashon is unknown: did you mean fashion or fashion_gan?",
        "train --preset=own --dataset=image_folder": "needs --data_dir=FOLDER, the folder of your",
    }.items(),
)
def test_slips_of_the_keys_are_said_in_plain_words(given, said, main, tmp_path, capsys):
    assert main([*given.split(), f"--job_dir={tmp_path}"]) == exits.REFUSED
    assert said in capsys.readouterr().err
