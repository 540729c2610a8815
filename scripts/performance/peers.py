"""Part `contenders`: others train the same network beside us."""

from __future__ import annotations

from scripts.contenders import BATCH_SIZE, CONTENDERS, OURS
from scripts.performance import entries, rounds
from scripts.performance.entries import PRECISIONS
from scripts.performance.rounds import Entry, Result
from scripts.performance.settings import Settings

RECIPE = ("--preset=dcgan", f"--batch_size={BATCH_SIZE}")


def measure(settings: Settings) -> Result:
    """Answers of all, by precision and name; those of one precision have trained by turns."""
    of_a_step = entries.ours(*RECIPE).multiply_adds
    results = {}
    for precision in PRECISIONS:
        compared = entries.products(precision, of_a_step * settings.steps)
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
                multiply_adds=of_a_step,
                images_a_step=BATCH_SIZE,
                steps=settings.steps,
                options=options,
                processes=contender.processes,
                environment=contender.environment,
            )
        results[precision] = rounds.measure(compared, settings)
    return results
