"""The parts of `scripts/benchmark/__main__.py`, and the page that shows what they measured."""
