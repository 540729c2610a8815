"""What a lack of memory means for a user."""

from __future__ import annotations

import re

from trainer.system.exits import RefusedError

_DEVICE = re.compile(r"device:(\w+:\d+)|/(?:job\S*/)?(?:device:)?([CG]PU:\d+)")


_LESS = "give fewer pictures at once, or a smaller --num, --batch_size or --image_size"


def refusal(error: BaseException, remedy: str = _LESS) -> RefusedError | None:
    """The refusal that a lack of memory stands for; None: the error is something else.

    Args:
      error: Python's or TensorFlow's.
      remedy: what to do; where more is known of what was computed, better than the flags there are.
    """
    of_tensorflow = type(error).__name__ == "ResourceExhaustedError" and (
        "OOM when allocating" in str(error) or "out of memory" in str(error).lower()
    )
    if not (of_tensorflow or isinstance(error, MemoryError)):
        return None
    device = _DEVICE.search(str(error))
    where = f"{device[1] or device[2]} does not have" if device else "there is not"
    return RefusedError(f"{where} enough memory: {remedy}, or leave more memory to this process")
