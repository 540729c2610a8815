"""Before any test imports TensorFlow: its remarks would stand after the tests' summary."""

from trainer.system import library_lines

library_lines.silence()
