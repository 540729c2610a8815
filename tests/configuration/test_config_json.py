"""config.json: written and read back, migrated from earlier formats, refused if it is no such."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from trainer import run_layout
from trainer.configuration import choices, config_json, flags, resume
from trainer.configuration.config_json import RunConfig
from trainer.system import file_system
from trainer.system.exits import InterruptedRun, RefusedError

FORMAT_1 = Path(__file__).parent / "format_1"
ANY = Path("run", "config.json")


@pytest.fixture(scope="module")
def config() -> RunConfig:
    """The configuration of a run that has started."""
    asked = flags.train(["train", "--job_dir=run", "--preset=dcgan", "--profile_steps=1,2"])
    return dataclasses.replace(resume.configured(asked, None), environment={"replicas": 1})


def written(config: RunConfig, **changed: Any) -> str:
    return json.dumps({**json.loads(config_json.to_json(config)), **changed})


def test_a_configuration_survives_its_file(config, tmp_path):
    (tmp_path / run_layout.CONFIG).write_text(config_json.to_json(config))
    assert config_json.read(tmp_path) == config
    assert json.loads(config_json.to_json(config))["format"] == config_json.FORMAT


def test_a_folder_without_the_file_holds_no_run(tmp_path):
    assert config_json.read(tmp_path) is None


@pytest.mark.parametrize("preset", sorted(path.stem for path in FORMAT_1.glob("*.json")))
def test_a_run_of_format_1_means_what_it_meant(preset):
    text = (FORMAT_1 / f"{preset}.json").read_text()

    config = config_json.from_json(text, ANY)

    before = json.loads(text)
    assert "format" not in before
    now = json.loads(config_json.to_json(config))
    assert now["recipe"]["data"].pop("folder") is None
    (attribute,) = now["recipe"]["data"].pop("attributes")
    assert attribute["name"] == "class"
    now["recipe"]["data"]["class_names"] = attribute["values"]
    architecture = now["recipe"]["networks"]["architecture"]  # which a preset may have changed
    then = choices.FORMER_NAMES.get(architecture, architecture)
    now["recipe"]["networks"]["architecture"] = then
    asked = ["train", "--job_dir=run", f"--preset={preset}", f"--architecture={architecture}"]
    networks = flags.train(asked).recipe.networks
    assert config.recipe.networks == networks
    for name in ("width", "max_width", "attribute_dropout", "mapping_layers"):
        del now["recipe"]["networks"][name]
    assert now["recipe"]["objective"].pop("flip") is False
    assert now["recipe"]["objective"].pop("style_mixing") == 0
    assert now["recipe"]["objective"].pop("path_length") == 0
    assert now["recipe"]["objective"].pop("classification") == 0
    assert now["recipe"]["objective"].pop("classifier") == "projection"
    assert not any(now["recipe"].pop("growth").values())
    assert not any(now["recipe"].pop("completion").values())
    assert now["recipe"]["objective"].pop("augment_target") == 0.6
    assert now["recipe"]["initialize_from"] == "" and now["recipe"]["ema_ramp_up"] is True
    assert now["execution"] == {"jit_compile": False, "forms": "amd_avx512_bf16"}
    assert now["asked_schedule"] is None
    for part in ("recipe", "schedule", "runtime"):
        for name, value in before[part].items():
            assert now[part][name] == value, name
    assert (config.preset, config.horizon) == (preset, before["horizon"])
    assert config.environment == before["environment"]


def test_a_run_whose_mapping_network_sees_labels_keeps_it(config):
    for architecture, now in (("style", "style_joint"), ("stylegan", "stylegan_joint")):
        stored = json.loads(written(config, format=8))
        stored["recipe"]["networks"]["architecture"] = architecture
        del stored["recipe"]["networks"]["mapping_layers"]
        read = config_json.from_json(json.dumps(stored), ANY)
        assert read.recipe.networks.architecture == now


def test_a_run_whose_images_have_a_mesh_keeps_it(config):
    stored = json.loads(written(config, format=15))
    stored["recipe"]["networks"]["architecture"] = "stylegan"
    read = config_json.from_json(json.dumps(stored), ANY)
    assert read.recipe.networks.architecture == "stylegan_transposed"


def test_a_run_whose_discriminator_takes_means_keeps_them(config):
    stored = json.loads(written(config, format=12))
    stored["recipe"]["networks"]["architecture"] = "residual"
    read = config_json.from_json(json.dumps(stored), ANY)
    assert read.recipe.networks.architecture == "residual_mean"


def test_a_run_of_format_14_classifies_as_it_did(config):
    stored = json.loads(written(config, format=14))
    del stored["recipe"]["objective"]["classifier"]
    stored["recipe"]["objective"]["classification"] = 0.03
    read = config_json.from_json(json.dumps(stored), ANY)
    assert not read.recipe.objective.has_auxiliary_classifier


def test_a_run_of_format_9_has_the_mapping_network_that_there_was(config):
    for architecture, layers in (("style", 2), ("comodulated", 2), ("dcgan", 0)):
        stored = json.loads(written(config, format=9))
        stored["recipe"]["networks"]["architecture"] = architecture
        del stored["recipe"]["networks"]["mapping_layers"]
        read = config_json.from_json(json.dumps(stored), ANY)
        assert read.recipe.networks.mapping_layers == layers


def test_a_run_of_format_1_before_it_had_all_fields_is_read():
    stored = json.loads((FORMAT_1 / "mlp.json").read_text())
    for name in ("profile_steps", "evaluation_interval", "evaluation_samples"):
        del stored["schedule"][name]
    for name in ("metrics_port", "cluster_timeout"):
        del stored["runtime"][name]
    config = config_json.from_json(json.dumps(stored), ANY)
    assert config.schedule.evaluation_interval == 0 and config.schedule.profile_steps == ()


@pytest.mark.parametrize("number", [config_json.FORMAT + 1, 0, -1, "2", 2.0, None, True])
def test_a_format_that_is_not_known_is_refused_by_its_number(number, config):
    text = f"has format {number}, and .* reads formats 1 to {config_json.FORMAT}"
    with pytest.raises(RefusedError, match=text):
        config_json.from_json(written(config, format=number), ANY)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ESTALE, InterruptedRun), (errno.EIO, RefusedError)]
)
def test_a_file_server_that_is_away_for_now_is_no_damage(number, kind, tmp_path, monkeypatch):
    def fails(path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_system, "read_text", fails)
    with pytest.raises(kind, match=r"config\.json cannot be read"):
        config_json.read(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"recipe": 1}', "[" * 100_000, "\udcff"])
def test_a_damaged_file_is_refused(content, tmp_path):
    (tmp_path / run_layout.CONFIG).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(RefusedError, match=r"config\.json"):
        config_json.read(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("recipe", "momentum"), 0.5),
        (("recipe", "seed"), "0"),
        (("recipe", "seed"), True),
        (("recipe", "data"), []),
        (("recipe", "data", "image_shape"), [28, 28]),
        (("recipe", "data", "attributes"), "abc"),
        (("recipe", "generator", "learning_rate"), None),
        (("recipe", "networks", "conditional"), 1),
        (("schedule", "steps"), "many"),
        (("horizon",), 1.5),
        (("environment",), 7),
    ],
)
def test_a_field_that_is_unknown_or_of_another_type_is_refused(place, value, config):
    content = json.loads(config_json.to_json(config))
    part = content
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    with pytest.raises(RefusedError, match="another version"):
        config_json.from_json(json.dumps(content), ANY)


def test_a_missing_field_is_refused(config):
    content = json.loads(config_json.to_json(config))
    del content["recipe"]["batch_size"]
    with pytest.raises(RefusedError, match="batch_size"):
        config_json.from_json(json.dumps(content), ANY)
