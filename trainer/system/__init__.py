"""The machine: exit codes, signals, files and locks, downloads, the watchdog.

Knows nothing of GANs or runs; imports nothing of the package from outside this folder.
"""
