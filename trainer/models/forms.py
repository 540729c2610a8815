"""Which form of an operation runs where: TensorFlow's own, or one that is faster on a processor.

One table by the kind of processor; each row was measured by `python -m scripts.benchmark.forms`,
which prints the row of the machine that it runs on. Elsewhere all are TensorFlow's, and on GPUs
all but a run's batch normalisation. Other forms give other bits, so a run keeps the row that it was
started with.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from trainer.system import processor
from trainer.system.exits import RefusedError

Types = tuple[str, ...]


@dataclass(frozen=True)
class Forms:
    """For each form the types of activations that it serves on a kind of processor."""

    overlap_add: Types = ()  # convolutions to one channel: a product, then shifted sums
    strided_overlap_add: Types = ()  # transposed ones with strides, and gradients by one channel
    forward_kernel_gradients: Types = ()  # of small sides: by a forward convolution
    batch_norm_kernel: Types = ()  # scales and shifts channels, in place of product and sum


LIBRARY = "library"
BFLOAT16 = ("bfloat16",)
BOTH = ("float32", "bfloat16")
FORMS = {
    LIBRARY: Forms(),
    # Instructions for bfloat16 are emulated. The form of one channel without strides takes .17 and
    # .15 of TensorFlow's time, with strides 1.08 and .52, of kernel gradients .27.
    "amd_avx2": Forms(BOTH, BFLOAT16, BFLOAT16),
    # oneDNN works on blocks of sixteen channels: with one it reaches a twentieth of its peak. Its
    # kernel gradient in bfloat16 reaches half of the peak, where a forward convolution reaches it.
    "amd_avx512_bf16": Forms(BOTH, BOTH, BFLOAT16, BOTH),
    # With strides, of three layers of one channel two are slower so.
    "intel_amx_bf16": Forms(BOTH, (), BFLOAT16, BOTH),
}

_row = ""  # of this process; empty: not chosen yet


def use(name: str) -> None:
    """Chooses a row of FORMS for all that this process builds from now on.

    Raises:
      RefusedError: another version's table has it.
    """
    global _row
    if name not in FORMS:
        raise RefusedError(
            f"the run computes in the forms {name!r}, but this version of fashion-gan knows only "
            f"{', '.join(FORMS)}: use the version that started it, or a later one"
        )
    _row = name


def current() -> Forms:
    """The forms to build with."""
    forms = FORMS[_row or for_this_machine()]
    if on_gpu():
        return Forms(batch_norm_kernel=forms.batch_norm_kernel)
    return forms


def for_this_machine() -> str:
    """The row of this machine's devices."""
    kind = processor.kind()
    return kind if kind in FORMS and not on_gpu() else LIBRARY


def on_gpu() -> bool:
    """Whether this process computes on a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))
