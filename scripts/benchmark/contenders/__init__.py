"""Who trains the same network as we do, with which library, and how it is written there.

The network is the DCGAN of TensorFlow's tutorial (the preset `dcgan`): latents of 100
normal numbers; dense to 7 x 7 x 256, transposed convolutions of 5 x 5 to 128, 64 and 1 channels
with strides 1, 2 and 2, batch normalisation and LeakyReLU between; against convolutions of 5 x 5
and stride 2 to 64 and 128 channels with LeakyReLU and dropout, and one logit. Cross-entropy, Adam,
and one update of both networks at once. Every contender takes the same number of images a step,
keeps weights, losses and the last layer of both networks in float32, and has normalisation and
dropout as in training. In bfloat16 the rest is computed in that, the way its library does so.

A contender is a module with one function, `prepare(images, batch_size, precision, **options)`. It
takes uint8 images `[N, 28, 28, 1]` on the host and gives a function that trains so many steps on
randomly ordered ones and returns the sum of both losses of the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

BATCH_SIZE = 256
LEARNING_RATE = 1e-4
EPSILON = 1e-7  # Adam's, as Keras has it
NOISE_DIM = 100
DROPOUT = 0.3
SLOPE = 0.3  # of LeakyReLU, below zero
MOMENTUM, VARIANCE_EPSILON = 0.99, 1e-3  # of batch normalisation, as Keras has it

Train = Callable[[int], float]


@dataclass(frozen=True)
class Contender:
    """Where it is, and how it is called."""

    what: str  # for people
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    processes: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)


OURS = "ours"  # that all others are compared with

_ON_CPU = {
    OURS: Contender("this trainer, one device", "ours"),
    "ours_2_devices": Contender(
        "this trainer, 2 virtual devices of the same cores",
        "ours",
        {"given": ["--virtual_devices=2"]},
    ),
    "ours_2_processes": Contender(
        "this trainer, 2 processes with half of the threads each", "ours", processes=2
    ),
    "tutorial": Contender("TensorFlow's tutorial: Keras layers, `tf.function`", "tutorial"),
    "keras_fit": Contender("`keras.Model.fit`, `train_step` overridden", "keras_fit"),
    "keras_fit_xla": Contender("the same, `jit_compile=True`", "keras_fit", {"jit_compile": True}),
    "eager": Contender("the tutorial without `tf.function`", "tutorial", {"eager": True}),
    "pytorch": Contender("PyTorch, eager, channels last; bfloat16 by autocast", "pytorch"),
    "pytorch_compiled": Contender("the same, `torch.compile`", "pytorch", {"compiled": True}),
    "jax": Contender("JAX, Flax, Optax, `jit`", "flax_jit"),
}
_ON_CUDA = {"device": "cuda"}
_WITH_XLA = {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}
_ON_GPU = {
    OURS: Contender("this trainer, one GPU", "ours", {"given": ["--strategy=one_device"]}),
    "ours_xla": Contender(
        "the same, clustered for XLA",
        "ours",
        {"given": ["--strategy=one_device"]},
        environment=_WITH_XLA,
    ),
    "ours_mirrored": Contender(
        "this trainer, all GPUs", "ours", {"given": ["--strategy=mirrored"]}
    ),
    "tutorial": _ON_CPU["tutorial"],
    "keras_fit_xla": _ON_CPU["keras_fit_xla"],
    "pytorch": Contender(
        "PyTorch, eager, channels last; bfloat16 by autocast", "pytorch", _ON_CUDA
    ),
    "pytorch_compiled": Contender(
        "the same, `torch.compile`", "pytorch", {**_ON_CUDA, "compiled": True}
    ),
    "jax": _ON_CPU["jax"],
}
CONTENDERS = {"cpu": _ON_CPU, "gpu": _ON_GPU}
