"""Logistic regression with signs that are given: Newton's method, one coefficient at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from error_patterns.matching.evidence import Model

_PASSES = 400
_RIDGE = 1e-5


def fit(
    features: NDArray[np.float64], is_right: NDArray[np.bool_], weights: NDArray[np.float64], signs: Sequence[int]
) -> Model:
    """Fit a model by maximum likelihood, with a small ridge.

    Args:
        features: A row for each pair, a column for each feature.
        is_right: Whether the pattern of the pair is right.
        weights: How much each pair counts.
        signs: 1 for each coefficient that is to be 0 or more, -1 for 0 or less.
    """
    scale = features.std(axis=0) + 1e-9
    columns = np.column_stack([features / scale, np.ones(len(features))])
    weights = weights / weights.sum()
    found = np.zeros(columns.shape[1])
    score = columns @ found
    for _ in range(_PASSES):
        moved = 0.0
        for number, sign in enumerate([*signs, 0]):
            column = columns[:, number]
            probability = 1 / (1 + np.exp(-score))
            ridge = 2 * _RIDGE if sign else 0.0
            slope = column @ (weights * (probability - is_right)) + ridge * found[number]
            curvature = column**2 @ (weights * probability * (1 - probability)) + ridge + 1e-12
            step = found[number] - np.clip(slope / curvature, -1.0, 1.0)
            step = max(step, 0.0) if sign > 0 else min(step, 0.0) if sign < 0 else step
            score += (step - found[number]) * column
            moved = max(moved, abs(step - found[number]))
            found[number] = step
        if moved < 1e-6:
            break
    coefficients = [round(float(each), 2) for each in found[:-1] / scale]
    return Model(round(float(found[-1]), 2), coefficients)


def scores(model: Model, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds that a model gives to pairs."""
    result: NDArray[np.float64] = features @ np.array(model.coefficients) + model.intercept
    return result
