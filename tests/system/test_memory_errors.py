"""A lack of memory is refused in one line, not a defect."""

from __future__ import annotations

import pytest
import tensorflow as tf

from trainer.system import memory_errors


def test_tensorflow_s_lack_of_memory_names_the_device():
    with pytest.raises(tf.errors.ResourceExhaustedError) as raised:
        tf.zeros([2**20, 2**20, 2**8])
    refused = memory_errors.refusal(raised.value)
    assert refused and "CPU:0 has not enough memory" in str(refused)


def test_python_s_is_one_too_and_other_errors_are_not():
    assert "there is not enough memory" in str(memory_errors.refusal(MemoryError()))
    assert memory_errors.refusal(ValueError("OOM")) is None
    assert memory_errors.refusal(tf.errors.ResourceExhaustedError(None, None, "files")) is None
