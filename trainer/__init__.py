"""fashion-gan: a distributed, resumable GAN trainer for Fashion-MNIST."""

__version__ = "0.1.0"
