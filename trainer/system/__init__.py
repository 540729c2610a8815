"""Operating system services: exit codes, signals, files and locks, memory, downloads.

Independent of GANs and runs; imports no other folder of the package.
"""
