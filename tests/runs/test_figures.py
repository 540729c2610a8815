"""What is said of figures."""

from __future__ import annotations

from trainer.evaluation.attribute_metrics import ATTRIBUTE_METRICS
from trainer.runs import figures, tags


def test_what_real_images_have_stands_in_one_place_alone():
    for name, figure in figures.FIGURES.items():
        assert not (figure.real and figure.real_by_definition), name
        assert figure.better in ("", figures.LESS, figures.MORE), name


def test_every_figure_on_a_card_is_said_to_mean_something():
    on_cards = [figure for figure in figures.FIGURES.values() if figure.on_card]
    assert len(on_cards) == 7
    assert all(figure.meaning for figure in on_cards)


def test_a_tag_means_what_its_figure_does_however_it_was_measured():
    meaning = "Share of real images that lie among generated ones: higher is better."
    assert figures.FIGURES["recall"].described == meaning
    for prefix in ("evaluation", "test", "test (num 100)"):
        assert tags.described(f"{prefix}/recall") == meaning
    assert tags.described("loss/recall") is None
    assert tags.described("evaluation/unheard_of") is None


def test_a_figure_says_what_is_better_unless_its_name_says_all():
    said = figures.FIGURES["kid"].described, figures.FIGURES["classifier_fid_floor"].described
    assert said == (
        "Kernel distance: lower is better.",
        "The same distance for as many real images.",
    )
    assert not any("is better" in figure.meaning for figure in figures.FIGURES.values())


def test_what_attributes_are_measured_by_is_known_to_be_better_or_not():
    accuracies = [name for name in ATTRIBUTE_METRICS if name.endswith("accuracy")]
    assert accuracies
    assert {figures.named(name).better for name in accuracies} == {figures.MORE}
