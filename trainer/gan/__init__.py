"""The GAN: its state, the training step, losses, penalties, augmentation, optimizers, schedules.

Functions over tensors and `FashionGAN`; no files, no flags.
"""
