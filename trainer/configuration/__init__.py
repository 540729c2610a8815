"""From flags to frozen dataclasses: definitions, choices, presets, and what is refused.

No TensorFlow: wrong flags are refused before its import. Nothing below reads flags.
"""
