"""Numbers as float32 has them."""

from __future__ import annotations

from trainer.configuration import numbers


def test_numbers_are_judged_by_the_fewest_digits_that_say_which():
    for value in (0.3, 0.99609375, 0.49999997, 1.0000001, 1e-4, 2e-38):
        assert numbers.rounded_to_float32("x", value) == value
    assert numbers.rounded_to_float32("x", 0.99999999) == 1
