"""The networks: architectures, their layers, conditioning, spectral normalisation.

Keras models and layers only, no training.
"""
