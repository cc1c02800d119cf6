"""The evidence that a context and a pattern are about the same failure, as features, and the models that judge it.

Each kind of evidence has a logistic regression of its own, on a few features. `evaluation/fit_evidence.py` fits their
coefficients on labelled failures of many kinds, cross-validated over domains and families. That of keywords is set by
hand. All coefficients of what is shared are 0 or more, and no feature counts further keywords and attempts of the
pattern: one more never makes it less likely. What the context has besides counts against all patterns alike.

The features are of sets of words, weighted by `error_patterns.matching.weights`: the share of the pattern's weight that
is in the context (containment), the cosine, and logarithms of sums of weights.
"""

import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from error_patterns.matching.weights import Bag, sum_of, sum_of_squares, weight_of

Dampen = Callable[[str], float]
"""Returns the factor for a word's weight by how many patterns have it, from 0 to 1."""


CERTAIN = 0.999
"""The highest probability of a model. Only the same failure is certain."""


class Model(NamedTuple):
    """A logistic regression."""

    intercept: float
    coefficients: Sequence[float]

    def probability(self, features: Sequence[float]) -> float:
        """Return the estimated probability that it is worth telling the pattern, above 0 and at most `CERTAIN`."""
        log_odds = self.intercept + math.fsum(
            each * feature for each, feature in zip(self.coefficients, features, strict=True)
        )
        return min(CERTAIN, 1 / (1 + math.exp(-log_odds)))


RECURRENCE = Model(-5.83, (24.34, 3.22))
FAILURE_FORESIGHT = Model(-6.3, (13.17, 4.08, -0.82))
ATTEMPT_FORESIGHT = Model(-4.79, (12.14, 3.4, 4.42, 0.5, -2.27))
KEYWORDS = Model(-2.3, (2.5,))


class Shown(NamedTuple):
    """What a context shows.

    Attributes:
        words: All of its words.
        failed: Those that a failure in it draws attention to; empty where it shows none.
        attempt: The words of what is about to be attempted.
    """

    words: Bag
    failed: Bag
    attempt: Bag


def recurrence_features(shown: Shown, failure: Bag, keywords: Collection[str], dampen: Dampen) -> tuple[float, float]:
    """Compare what the context shows with what the failure said.

    They are: the cosine of their words, smoothed, where shared words are dampened by how many patterns have them; the
    share of the weight of what failed in the context that is in the keywords. Where nothing failed, both are 0: there a
    failure is only talked about.
    """
    if not shown.failed.words:
        return 0.0, 0.0
    shared = shown.words.words & failure.words
    dampened = math.fsum([weight_of(word) ** 2 * dampen(word) for word in shared])
    cosine = dampened / _smoothed_norms(shown.words, failure)
    drawn = sum_of(shown.failed.words.intersection(keywords)) / _or_one(shown.failed.total)
    return cosine, drawn


def failure_foresight_features(shown: Shown, failure: Bag) -> tuple[float, float, float]:
    """Compare what is about to be attempted with what the failure said.

    They are: the cosine of their words, smoothed; the weight of the shared words; the weight of the attempt.
    """
    attempt = shown.attempt
    shared = attempt.words & failure.words
    cosine = sum_of_squares(shared) / _smoothed_norms(attempt, failure)
    return cosine, math.log1p(sum_of(shared)), math.log1p(attempt.total)


def attempt_foresight_features(shown: Shown, failure: Bag, earlier: Bag) -> tuple[float, float, float, float, float]:
    """Compare what is about to be attempted with what was attempted when it failed.

    They are: the share of the earlier attempt's weight that is in this one, and the share of the failure's, both
    smoothed so that few words are not enough; the weight of all shared words; the weight of those that are in all
    three; the weight of the attempt.
    """
    attempt = shown.attempt
    attempted, said = attempt.words & earlier.words, attempt.words & failure.words
    return (
        sum_of(attempted) / (earlier.total + 1),
        sum_of(said) / (failure.total + 1),
        math.log1p(sum_of(attempted | said)),
        math.log1p(sum_of(attempted & said)),
        math.log1p(attempt.total),
    )


def _smoothed_norms(one: Bag, other: Bag) -> float:
    """Multiply the norms of two bags, each as with one more word of weight 1, so that few words are not enough."""
    return math.sqrt((one.norm**2 + 1) * (other.norm**2 + 1))


def _or_one(total: float) -> float:
    return total or 1.0


def shown_by(words: Collection[str], failed: Collection[str], attempt: Collection[str]) -> Shown:
    """Weigh the words that a context shows."""
    return Shown(Bag(words), Bag(failed), Bag(attempt))
