"""Devices and workers: the strategy over them, heartbeats, what workers tell one another.

Knows nothing of networks or of a run's files.
"""
