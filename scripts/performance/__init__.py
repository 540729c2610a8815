"""The parts of `scripts/benchmark.py`, and the page that shows what they measured."""
