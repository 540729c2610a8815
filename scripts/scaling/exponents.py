"""The power of a value that a cost grows with."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

Answers = Mapping[str, Mapping[str, Any]]  # by value


def exponent(values: list[float], costs: list[float]) -> float:
    """The slope of the straight line through their logarithms that has the least squares."""
    if len(values) < 2:
        return float("nan")
    return float(np.polyfit(np.log(values), np.log(costs), 1)[0])


def of_time(answers: Answers) -> float:
    """Of the time of a step, as it was measured."""
    return exponent(list(map(float, answers)), [seconds(each) for each in answers.values()])


def of_work(answers: Answers) -> float:
    """Of the multiplications of a step: what theory gives where nothing else costs anything."""
    work = [each["multiply_adds"] for each in answers.values()]
    return exponent(list(map(float, answers)), work)


def seconds(answer: Mapping[str, Any]) -> float:
    """Of a step: the median over the rounds."""
    return statistics.median(each["seconds"] for each in answer["rounds"]) / answer["steps"]
