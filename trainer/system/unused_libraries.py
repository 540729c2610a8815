"""Libraries that Keras imports where they are installed, for parts of it that nothing here uses.

They take a tenth of the time in which TensorFlow is imported, a third where scikit-learn is there.
"""

from __future__ import annotations

import sys

_NAMES = ("matplotlib.pyplot", "sklearn")


def hide() -> None:
    """Makes them appear not to be installed, unless they are imported already."""
    for name in _NAMES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def show() -> None:
    """Lets them be imported again."""
    for name in _NAMES:
        if sys.modules.get(name, sys) is None:
            del sys.modules[name]
