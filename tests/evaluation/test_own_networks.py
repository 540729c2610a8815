"""Networks that are trained on a set's own pictures: what they see, and that they are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import damage_by_flipping
from tests.evaluation.shapes import COLOUR, SHAPE, SIDE, SPEC, pictures
from trainer.configuration import flags
from trainer.configuration.config import Measurement
from trainer.data.datasets import LabelledImages
from trainer.evaluation import own_network_files, own_network_training, own_networks
from trainer.evaluation.evaluation_networks import EvaluationNetworks
from trainer.evaluation.evaluator import Evaluator
from trainer.system.exits import RefusedError

TRAIN, TEST = pictures(200, 0), pictures(200, 1)


class Trained(Exception):
    """Training is not needed."""


def refuse() -> LabelledImages:
    raise Trained


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(kept: Path) -> EvaluationNetworks:
    return own_networks.provide(SPEC, lambda: TRAIN, kept)


def test_the_classifier_sees_each_attribute_of_pictures_that_it_has_not_seen(trained):
    images, labels = TEST

    seen = trained.values(images)

    given = labels >= 0
    accuracy = [np.mean((seen == labels)[given[:, column], column]) for column in range(2)]
    assert min(accuracy) > 0.9


def test_features_are_of_one_scale_and_tell_pictures_apart(trained):
    features = trained.features(TRAIN[0])

    assert features.shape == (200, 128) and features.dtype == np.float32
    assert np.var(features, axis=0).mean() == pytest.approx(1, rel=0.1)
    assert len(np.unique(features.round(3), axis=0)) == 200


@pytest.mark.slow
def test_the_same_pictures_give_the_same_networks_again(tmp_path, monkeypatch):
    monkeypatch.setattr(own_network_training, "steps", lambda _: 4)

    one, again = (
        own_networks.provide(SPEC, lambda: TRAIN, tmp_path / name) for name in ("one", "again")
    )

    assert again.features_sha256 == one.features_sha256
    assert again.classifier_sha256 == one.classifier_sha256


def test_what_was_trained_is_read_back_and_put_where_it_is_not_yet(trained, kept, tmp_path):
    images, _ = pictures(20, 2)

    found = own_networks.provide(SPEC, refuse, tmp_path / "run", kept)
    alone = own_networks.provide(SPEC, refuse, tmp_path / "run")

    for each in (found, alone):
        assert each.features_sha256 == trained.features_sha256
        assert np.array_equal(each.features(images), trained.features(images))
        assert np.array_equal(each.values(images), trained.values(images))


def test_a_place_that_cannot_be_written_to_stops_nothing(trained, kept, tmp_path, caplog):
    caplog.set_level("INFO", "trainer")
    (tmp_path / "features").write_text("no folder")

    own_networks.provide(SPEC, refuse, kept, tmp_path)

    assert "cannot be kept" in caplog.text


def damage_of_its_directory(path: Path) -> None:
    """Says that what it holds is compressed in a way that nobody knows."""
    content = path.read_bytes()
    entry = content.index(b"PK\x01\x02")
    path.write_bytes(content[: entry + 10] + b"\x63" + content[entry + 11 :])


def damage_of_its_flags(path: Path) -> None:
    """Says that it is encrypted."""
    content = path.read_bytes()
    entry = content.index(b"PK\x01\x02")
    path.write_bytes(content[: entry + 8] + b"\x01" + content[entry + 9 :])


@pytest.mark.parametrize(
    "damage",
    [
        *(damage_by_flipping, damage_of_its_directory, damage_of_its_flags),
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_damaged_file_is_made_anew(trained, kept, tmp_path, damage, caplog):
    own_networks.provide(SPEC, refuse, tmp_path, kept)
    (path,) = tmp_path.glob("features/*.npz")
    damage(path)

    with pytest.raises(Trained):
        own_networks.provide(SPEC, refuse, tmp_path)

    assert f"{path} is damaged" in caplog.text
    own_networks.provide(SPEC, refuse, tmp_path, kept)
    own_networks.provide(SPEC, refuse, tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        {"fingerprint": "of other files"},
        {"image_shape": (SIDE, SIDE, 1)},
        {"attributes": (SHAPE,)},
        {"attributes": (SHAPE, replace(COLOUR, values=("blue", "green", "red")))},
    ],
)
def test_other_data_have_other_networks(trained, kept, other):
    with pytest.raises(Trained):
        own_networks.provide(replace(SPEC, **other), refuse, kept)


def test_more_test_pictures_change_nothing(trained, kept):
    own_networks.provide(replace(SPEC, test_examples=500), refuse, kept)


NO_CACHE = Path("/dev/null/none")


def evaluator_of(networks: EvaluationNetworks, num: int) -> Evaluator:
    recipe = replace(flags.train(["train", "--job_dir=x"]).recipe, data=SPEC)
    return Evaluator(recipe, Measurement(num, 0, None, cas=True), NO_CACHE, networks, TRAIN, TEST)


def test_every_figure_is_there_and_good_for_pictures_of_the_same_kind(trained):
    evaluate = evaluator_of(trained, num=240)
    images, labels = pictures(240, 3)

    values = evaluate.measure(images, labels)

    assert values["features"] == "own" and values["features_sha256"] == trained.features_sha256
    assert values["judge_sha256"] == trained.classifier_sha256
    assert (values["num"], values["real_num"]) == (240, 200)
    assert 0 < values["classifier_fid"] < 3 * values["classifier_fid_floor"]
    assert min(values[name] for name in ("precision", "recall", "density", "coverage")) > 0.7
    assert values["attribute_accuracy"].keys() == {"shape", "colour"}
    assert min(values["attribute_accuracy"].values()) > 0.9
    assert min(values["attribute_accuracy_real"].values()) > 0.9
    assert values["class_accuracy"] == values["attribute_accuracy"]["shape"]
    assert values["class_shares"].keys() == values["frechet_by_value"].keys() == set(SHAPE.values)
    assert sum(values["class_shares"].values()) == pytest.approx(1)
    assert values["missing_classes"] == []
    assert values["classification_accuracy_score"] > 0.8
    assert values["neighbour_distance_ratio"] == pytest.approx(1, abs=0.2)
    assert None not in values.values()


def test_networks_that_cannot_be_read_are_refused_in_the_run_and_passed_over_in_the_cache(
    tmp_path, caplog
):
    run, cache = tmp_path / "run", tmp_path / "cache"
    for place in (cache, run):
        own_network_files.path_in(place, SPEC).mkdir(parents=True)
        if place is cache:
            assert own_network_files.find(SPEC, run, cache) is None
            assert "networks of the cache are not used" in caplog.text
    with pytest.raises(RefusedError, match="make it readable"):
        own_network_files.find(SPEC, run, cache)


def test_what_is_sooner_in_the_shared_place_is_what_all_measure_with(trained, kept, tmp_path):
    ours, shared = tmp_path / "ours", tmp_path / "shared"
    theirs = own_network_files.find(SPEC, kept)

    def trained_meanwhile():
        own_network_files.keep(SPEC, theirs, shared)
        return TRAIN

    with pytest.MonkeyPatch.context() as patch:
        other = {name: value + 1 for name, value in theirs.items()}
        patch.setattr(own_networks, "_train", lambda spec, images, labels: other)
        found = own_networks.provide(SPEC, trained_meanwhile, ours, shared)
    assert found.features_sha256 == trained.features_sha256
    assert own_network_files.digests(own_network_files.find(SPEC, ours)) == (
        own_network_files.digests(theirs)
    )


def test_data_that_say_nothing_of_their_pictures_are_measured_all_the_same(trained):
    unlabelled = replace(SPEC, attributes=())
    networks = replace(trained, classifier_sha256=None)
    recipe = replace(
        flags.train(["train", "--job_dir=x", "--noconditional"]).recipe, data=unlabelled
    )
    bare = [(images, np.zeros((len(images), 0), np.int64)) for images, _ in (TRAIN, TEST)]
    asked = Measurement(240, 0, None, cas=True)
    evaluate = Evaluator(recipe, asked, NO_CACHE, networks, *bare)
    values = evaluate.measure(pictures(240, 3)[0], None)
    assert "judge_sha256" not in values
    assert {name for name, value in values.items() if value is None} >= {
        *("class_accuracy", "attribute_accuracy", "classification_accuracy_score"),
    }
    assert min(values[name] for name in ("precision", "recall", "coverage")) > 0.7


def test_missing_values_show_and_what_needs_labels_is_none_without(trained):
    images, labels = pictures(600, 4)
    bars = images[labels[:, 0] == SHAPE.values.index("bar")][:150]

    values = evaluator_of(trained, num=150).measure(bars, None)

    assert values["missing_classes"] == ["ball", "frame"] and values["class_shares"]["bar"] > 0.9
    assert values["coverage"] < 0.5 < values["precision"]
    assert {name for name, value in values.items() if value is None} == {
        "class_accuracy",
        "classification_accuracy_score",
        "frechet_by_value",
        "kid_deviation",  # of so few images there are no subsets
    }
    assert values["attribute_accuracy"] == {"shape": None, "colour": None}
    assert min(values["attribute_accuracy_real"].values()) > 0.9
