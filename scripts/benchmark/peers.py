"""Part `contenders`: others train the same network beside us."""

from __future__ import annotations

from scripts.benchmark import entries, rounds
from scripts.benchmark.contenders import BATCH_SIZE, CONTENDERS, OURS
from scripts.benchmark.entries import PRECISIONS
from scripts.benchmark.rounds import Entry, Result
from scripts.benchmark.settings import Settings

RECIPE = ("--preset=dcgan", f"--batch_size={BATCH_SIZE}")


def measure(settings: Settings) -> Result:
    """Answers of all, by precision and name; those of one precision have trained by turns."""
    ours = entries.ours(*RECIPE)
    results = {}
    for precision in PRECISIONS:
        compared = entries.products(precision, ours.multiply_adds * settings.steps)
        for name, contender in CONTENDERS[settings.device].items():
            if settings.contenders and name not in (OURS, *settings.contenders):
                continue
            options = dict(contender.options)
            if contender.module == "ours":
                options["given"] = [*RECIPE, *options.get("given", [])]
            compared[name] = Entry(
                module=contender.module,
                batch_size=BATCH_SIZE,
                precision=precision,
                multiply_adds=ours.multiply_adds,
                without_margins=ours.without_margins,
                what=contender.what,
                images_a_step=BATCH_SIZE,
                steps=settings.steps,
                options=options,
                processes=contender.processes,
                environment=contender.environment,
            )
        results[precision] = rounds.measure(compared, settings)
    return results
