"""One training run: taken up from its directory, its parts put together, the outer loop.

How a step learns is `gan/`'s; what a run shows of itself is `monitoring/`'s.
"""
