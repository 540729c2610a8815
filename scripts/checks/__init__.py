"""Slow checks: what is run by hand before what they check is released."""
