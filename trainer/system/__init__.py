"""Operating system services: exit codes, signals, files and locks, downloads, the watchdog.

Independent of GANs and runs; imports no other folder of the package.
"""
