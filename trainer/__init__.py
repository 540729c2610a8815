"""fashion-gan: a distributed, resumable GAN trainer for Fashion-MNIST."""

import os

__version__ = "0.1.0"

# Before NumPy is imported. Its products then have the same last digits whatever the cores, and its
# threads do not spin where cores are shared.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Before TensorFlow is imported: of a GPU's memory it takes what it needs, not all, so that an
# evaluation or another run works beside a training.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# Before Keras is imported: neither a keras.json of another project nor the environment decides what
# a run computes. Keras finds no settings there, and keeps its defaults.
os.environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")  # noqa: PTH118
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_USE_LEGACY_KERAS"] = "0"
