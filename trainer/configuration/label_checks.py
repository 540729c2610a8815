"""Labels, and flags that need them: what is refused."""

from __future__ import annotations

from trainer.configuration import value_checks
from trainer.configuration.choices import ARCHITECTURES, PROJECTING
from trainer.configuration.config import Recipe
from trainer.system.exits import RefusedError


def check(recipe: Recipe) -> None:
    """Refuses labels that do not exist, and flags that need labels where there are none.

    Raises:
      RefusedError: with what to do.
    """
    networks = recipe.networks
    if networks.conditional and max(recipe.data.label_sizes, default=0) < 2:
        found = "only one" if recipe.data.attributes else "none"
        text = (
            f"--conditional needs labels, and --dataset={recipe.data.dataset} has {found}: "
            "use --noconditional"
        )
        if folder := recipe.data.folder:
            text += ", or give as --data_dir the folder in which each class has a subfolder"
            if folder.attribute_minimum > 1:
                text += f", or, with a table, lower --attribute_minimum={folder.attribute_minimum}"
        raise RefusedError(text)
    value_checks.below_one("attribute_dropout", networks.attribute_dropout)
    if networks.attribute_dropout and not networks.conditional:
        raise RefusedError(
            f"--attribute_dropout={networks.attribute_dropout} leaves out labels, and this model "
            "is given none: add --conditional, or leave it out"
        )
    _check_classification(recipe)


def _check_classification(recipe: Recipe) -> None:
    weight, networks = recipe.objective.classification, recipe.networks
    value_checks.weight("classification", weight)
    if weight and not networks.conditional:
        raise RefusedError(
            f"--classification={weight} needs labels, which the networks are not given: add "
            "--conditional, or use --classification=0"
        )
    if weight and not ARCHITECTURES[networks.architecture].projects:
        raise RefusedError(
            f"--classification={weight} needs a discriminator that projects labels: use "
            f"--architecture={', '.join(PROJECTING)}, or --classification=0"
        )
