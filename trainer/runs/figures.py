"""The figures of evaluations: what each means, what is better, what real images have."""

from __future__ import annotations

from dataclasses import dataclass

LESS, MORE = "lower", "higher"


@dataclass(frozen=True)
class Figure:
    """A figure, by its name in results and behind the prefixes of TensorBoard's tags."""

    meaning: str = ""  # in a line; empty: its name says all
    better: str = ""  # LESS or MORE; empty: neither
    real: str = ""  # the name of what real images have, in the same result
    real_by_definition: str = ""  # what they have in any
    on_card: str = ""  # its name on the card of a model; empty: it is not there

    @property
    def described(self) -> str:
        """What it means and what is better, in a sentence; empty: its name says all."""
        real = f" ({self.real_by_definition} for real images)" if self.real_by_definition else ""
        better = f": {self.better} is better" if self.better else ""
        return f"{self.meaning}{real}{better}." if self.meaning else ""


FRECHET = "classifier_fid"
FIGURES = {
    FRECHET: Figure(
        "Fréchet distance in a classifier's space, not an Inception FID",
        LESS,
        real=f"{FRECHET}_floor",
        on_card="Fréchet distance, in a classifier's space (not an Inception FID)",
    ),
    "fid": Figure(
        "Fréchet Inception distance",
        LESS,
        real="fid_floor",
        on_card="Fréchet Inception distance",
    ),
    f"{FRECHET}_floor": Figure("The same distance for as many real images"),
    "kid": Figure("Kernel distance", LESS),
    "precision": Figure(
        "Share of generated images that lie among real ones",
        MORE,
        on_card="precision",
    ),
    "recall": Figure(
        "Share of real images that lie among generated ones",
        MORE,
        on_card="recall",
    ),
    "density": Figure(
        "How many real neighbourhoods hold a generated image",
        MORE,
        real_by_definition="1",
        on_card="density",
    ),
    "coverage": Figure(
        "Share of real neighbourhoods that hold a generated image",
        MORE,
        on_card="coverage",
    ),
    "class_accuracy": Figure(
        "How often another classifier sees the class that was asked for",
        MORE,
        on_card="another classifier sees the class asked for",
    ),
    "classification_accuracy_score": Figure(better=MORE),
    "pixel_frechet_distance": Figure(better=LESS),
    "neighbour_distance_ratio": Figure(real_by_definition="1 (copies 0)"),
    "attribute_accuracy": Figure(better=MORE, real="attribute_accuracy_real"),
    "frechet_by_value": Figure(better=LESS),
    "missing_classes": Figure("Classes of which there are hardly any images"),
    "smallest_class_share": Figure("Share of the rarest class"),
    "completion_psnr": Figure("Signal to noise ratio where pixels are missing, in dB", MORE),
    "completion_spread": Figure("Deviation among the completions of one picture, in grey levels"),
}


def named(name: str) -> Figure:
    """The figure of that name; one that says nothing where there is none."""
    return FIGURES.get(name, Figure())
