"""What a trained generator does with pictures: their latents found, their labels or styles changed.

Functions over arrays and a run's networks; no flags. `inputs` alone reads picture files.
"""
