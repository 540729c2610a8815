"""Pictures of seeds, and those between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.data.labels import Labels
from trainer.editing.codes import Codes
from trainer.gan import sampling
from trainer.studio.open_run import OpenRun
from trainer.studio.shown import Command, Shown, codes_file, labels_flag, written

MOST_SHOWN = 1000  # pictures of a panel, of up to
_SIDE = 64  # pixels; of larger ones fewer, for all go to the page at once
FRAMES = 25  # of a walk, its ends included


@dataclass(frozen=True)
class Sample:
    """What a single picture is drawn of."""

    seed: int
    labels: Labels


def most_shown(run: OpenRun) -> int:
    """Pictures that a panel holds."""
    height, width, _ = run.recipe.data.image_shape
    return min(MOST_SHOWN, MOST_SHOWN * _SIDE**2 // (height * width))


def generated(
    run: OpenRun, asked: Sequence[Labels], each: int, seed: int, truncation: float | None
) -> Shown:
    """Pictures of a seed, those of equal labels in a row.

    Args:
      run: that draws.
      asked: labels; none: as `generate` takes them by itself.
      each: pictures of each; fewer where these are more than `most_shown` together, and then of no
        more than as many labels.
      seed: decides the latents.
      truncation: as `generate` has it; None: none.

    Raises:
      RefusedError: the run is still growing, and cannot truncate.
    """
    most = most_shown(run)
    cycle = (list(asked) or run.cycle)[:most]
    each = max(1, min(each, most // len(cycle)))
    num = each * len(cycle)
    draw, bound = run.drawing(truncation, cycle)
    batches = sampling.sample_batches(draw, run.recipe, num, seed, cycle, bound)
    images = sampling.concatenated(batches, num)
    by_row = np.arange(num).reshape(each, len(cycle)).T.ravel()
    names = [written(labels, run.recipe.data.attributes) for labels in cycle]
    return Shown(
        images[by_row],
        ("",) * num,
        Command("generate", _generate_arguments(run, asked, num, seed, truncation)),
        tuple(names) if run.recipe.networks.conditional else (),
    )


def _generate_arguments(
    run: OpenRun, asked: Sequence[Labels], num: int, seed: int, truncation: float | None
) -> tuple[str, ...]:
    return (
        *run.arguments,
        *labels_flag("labels", asked, run.recipe),
        f"--num={num}",
        f"--seed={seed}",
        *([] if truncation is None else [f"--truncation={truncation:g}"]),
        "--output=pictures.png",
    )


def sampled(run: OpenRun, sample: Sample) -> Codes:
    """What decides the first picture of a seed."""
    return run.synthesis.sampled(1, sample.seed, [sample.labels])


def walked(run: OpenRun, start: Sample, end: Sample) -> Shown:
    """The way from one picture to another: latents on an arc, and styles in a straight line.

    Where labels differ, styles go from one to the other; without styles they change half way.
    """
    ends = [sampled(run, sample) for sample in (start, end)]
    weights = np.linspace(0, 1, FRAMES)
    latents = np.stack(
        [sampling.between(ends[0].latents[0], ends[1].latents[0], each).numpy() for each in weights]
    )
    labels = [np.repeat(each.labels, FRAMES, axis=0) for each in ends]
    is_second = weights[:, np.newaxis] >= 0.5
    styles = None
    if run.is_style_based:
        of_ends = [run.synthesis.codes(latents, each).styles for each in labels]
        share = weights[:, np.newaxis, np.newaxis].astype(np.float32)
        assert of_ends[0] is not None and of_ends[1] is not None
        styles = ((1 - share) * of_ends[0] + share * of_ends[1]).astype(np.float32)
    # All of one number: what moves is the picture, not its noise.
    numbers = np.zeros(FRAMES, np.int64)
    codes = Codes(np.where(is_second, labels[1], labels[0]), latents, styles, numbers)
    arguments = (*run.arguments, "--latents=walk.npz", "--output=walk.png")
    return Shown(
        run.synthesis.images(codes),
        tuple(f"{weight:.0%}" for weight in weights),
        Command("generate", arguments, {"walk.npz": codes_file(codes)}),
    )
