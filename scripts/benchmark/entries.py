"""Ours, and products of matrices, as entries of rounds."""

from __future__ import annotations

from scripts.benchmark import work
from scripts.benchmark.rounds import Entry
from trainer.configuration import flags, step_counts
from trainer.distribution import environment
from trainer.training import trial

SIZES = (1024, 2048, 4096)  # of square matrices
PRECISIONS = ("float32", "bfloat16")


def ours(*given: str, steps: int | None = None, steps_a_loop: int = 0) -> Entry:
    """A training as `fashion-gan train` with these flags does it, on one device."""
    recipe = flags.train(["train", "--job_dir=unused", *given]).recipe
    precision = recipe.precision
    return Entry(
        module="ours",
        batch_size=recipe.batch_size,
        precision=_auto_precision() if precision == "auto" else precision,
        multiply_adds=work.multiply_adds(recipe),
        without_margins=work.without_margins(recipe),
        images_a_step=step_counts.images_a_step(recipe),
        steps=steps,
        period=trial.period(recipe),
        options={"given": given, "steps_a_loop": steps_a_loop},
    )


def _auto_precision() -> str:
    """What a run most likely chooses by measurement."""
    return "bfloat16" if environment.has_bfloat16_instructions() else "float32"


def products(precision: str, multiply_adds: int | None = None) -> dict[str, Entry]:
    """Products of square matrices, by name; a round of each has about so many multiplications."""
    return {
        f"gemm {size} {precision}": Entry(
            module="gemm",
            batch_size=size,
            precision=precision,
            multiply_adds=size**3,
            images_a_step=0,
            steps=None if multiply_adds is None else max(1, multiply_adds // size**3),
        )
        for size in SIZES
    }
