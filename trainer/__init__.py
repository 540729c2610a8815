"""fashion-gan: a distributed, resumable GAN trainer for Fashion-MNIST."""

import os

__version__ = "0.1.0"

# Before NumPy is imported. Its products then have the same last digits whatever the cores, and its
# threads do not spin where cores are shared.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
