"""Fit the models of `error_patterns.matching.evidence`, and show what they do on contexts that they have not seen.

    python -m evaluation.fit_evidence CORPORA

CORPORA is a folder of labelled failures, see `evaluation.corpora`. Recurrence is cross-validated over domains,
foresight over families of failures. At the end stand the models of all data, as they are in the module.
"""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from error_patterns.matching.evidence import (
    Model,
    Shown,
    attempt_foresight_features,
    failure_foresight_features,
    recurrence_features,
)
from evaluation.corpora import DOMAINS, Domain, Step, read_domain, read_foreseen, read_harmless
from evaluation.pairs import FOLDS, Asked, Known, Memory, Pairs, best_of, fold_of, known_from, shown_in
from evaluation.regression import fit, scores

THRESHOLDS = (0.2, 0.24, 0.28, 0.32, 0.4, 0.5)
CROWD = ("commands", "tracebacks", "junit_bugs")
"""The domains whose failures stand beside those of foresight, as others do in a larger memory."""

_CANDIDATES = 25
_CROWDED_CANDIDATES = 60
_FOREIGN = 40  # texts of each other domain


class Task(NamedTuple):
    """What a model is for: the signs of its coefficients, and how much a right pattern counts.

    With a failure at hand, its pattern is read with care: to miss it costs more than a wrong one.
    """

    signs: Sequence[int]
    worth: float = 1.0


TASKS: Mapping[str, Task] = {
    "RECURRENCE": Task((1, 1), worth=10.0),
    "FAILURE_FORESIGHT": Task((1, 1, -1)),
    "ATTEMPT_FORESIGHT": Task((1, 1, 1, 1, -1)),
}


def pair_domains(folder: Path) -> list[Pairs]:
    """Pair the contexts of each domain, and texts of others, with the domain's patterns."""
    domains = [read_domain(folder, name) for name in DOMAINS]
    foreign = {domain.corpus: [text for text, _ in domain.asked][:_FOREIGN] for domain in reversed(domains)}
    foreign["documents"] = [one.text for one in read_harmless(folder) if one.kind == "document of 2,000"]
    return [_pair_domain(domain, foreign) for domain in domains]


def _pair_domain(domain: Domain, foreign: Mapping[str, Sequence[str]]) -> Pairs:
    labels = [label for label, _ in domain.stored]
    memory = Memory([known_from(text) for _, text in domain.stored])
    asked = []
    for text, right in domain.asked:
        numbers = frozenset(number for number, label in enumerate(labels) if label in right)
        asked.append(Asked("the same failure" if numbers else "a near one", shown_in(text), numbers, 0))
    for name, texts in foreign.items():
        kind = "documents" if name == "documents" else "another domain"
        asked += [Asked(kind, shown_in(text), frozenset(), 0) for text in texts if name != domain.corpus]

    def features(shown: Shown, known: Known) -> tuple[float, ...]:
        return recurrence_features(shown, known.failure, known.keywords, memory.dampen)

    return memory.pair(domain.name, asked, features, at_most=_CANDIDATES)


def pair_foresight(folder: Path) -> tuple[Mapping[str, Pairs], NDArray[np.int64]]:
    """Pair contexts with all patterns by what was attempted, and by what failed; with the folds of the patterns."""
    foreseen = read_foreseen(folder)
    harmless = list(read_harmless(folder))
    prompts = [one.text for one in harmless if one.kind == "prompt"]
    asked = []
    for number, row in enumerate(foreseen):
        both = _text_of(row["later"])
        texts = {"plan": row["later"]["plan"], "action": row["later"]["action"], "both": both}
        texts["both in a prompt"] = f"{prompts[number % len(prompts)]}\nNext step: {both}"
        for kind, text in texts.items():
            asked.append(Asked(kind, shown_in(text), frozenset({number}), fold_of(row["family"])))
    asked += [Asked(one.kind, shown_in(one.text), frozenset(), fold_of(one.name)) for one in harmless]

    patterns = [known_from(row["failure"], _text_of(row["attempt"])) for row in foreseen]
    crowd = [known_from(text) for name in CROWD for _, text in read_domain(folder, name).stored]
    folds = np.array([fold_of(row["family"]) for row in foreseen] + [-1] * len(crowd))

    def by_attempt(shown: Shown, known: Known) -> tuple[float, ...]:
        return attempt_foresight_features(shown, known.failure, known.attempt)

    def by_failure(shown: Shown, known: Known) -> tuple[float, ...]:
        return failure_foresight_features(shown, known.failure)

    found = {
        "ATTEMPT_FORESIGHT": Memory(patterns).pair("attempt known", asked, by_attempt, at_most=len(patterns)),
        "FAILURE_FORESIGHT": Memory([*patterns, *crowd]).pair(
            "failure alone, crowded", asked, by_failure, at_most=_CROWDED_CANDIDATES
        ),
    }
    return found, folds


def _text_of(step: Step) -> str:
    return f"{step['plan']}\n{step['action']}"


def fit_task(task: Task, parts: Sequence[tuple[Pairs, NDArray[np.bool_]]]) -> Model:
    """Fit a model on the marked pairs of each source; the sources count alike."""
    is_right = np.concatenate([pairs.is_right[mask] for pairs, mask in parts])
    weights = np.concatenate([np.full(int(mask.sum()), 1 / len(mask)) for _, mask in parts])
    features = np.vstack([pairs.features[mask] for pairs, mask in parts])
    return fit(features, is_right, np.where(is_right, task.worth * weights, weights), task.signs)


def cross_validate_domains(task: Task, domains: Sequence[Pairs]) -> None:
    """Report each domain by a model of the others."""
    for pairs in domains:
        corpus = pairs.name.partition(":")[0]
        others = [(other, _all(other)) for other in domains if other.name.partition(":")[0] != corpus]
        report(pairs, scores(fit_task(task, others), pairs.features))


def cross_validate_families(task: Task, pairs: Pairs, pattern_folds: NDArray[np.int64]) -> None:
    """Report the contexts of each fold by a model of the other folds, which has not seen the fold's patterns either."""
    context_folds = np.array([one.fold for one in pairs.asked])[pairs.context]
    found = np.zeros(len(pairs.context))
    for fold in range(FOLDS):
        seen = (context_folds != fold) & (pattern_folds[pairs.pattern] != fold) & _is_learnt(pairs)
        asked = context_folds == fold
        found[asked] = scores(fit_task(task, [(pairs, seen)]), pairs.features[asked])
    report(pairs, found)


def _is_learnt(pairs: Pairs) -> NDArray[np.bool_]:
    """Mark the pairs to learn from: what stands at the end of a prompt stands alone as well."""
    return np.array([one.kind != "both in a prompt" for one in pairs.asked])[pairs.context]


def _all(pairs: Pairs) -> NDArray[np.bool_]:
    return np.ones(len(pairs.context), dtype=bool)


def report(pairs: Pairs, found: NDArray[np.float64]) -> None:
    """Print for each kind of context how often the right pattern is first and is told, or how often any is told."""
    right, wrong = best_of(pairs, found, among=pairs.is_right), best_of(pairs, found, among=~pairs.is_right)
    kinds = np.array([one.kind for one in pairs.asked])
    write(pairs.name)
    for kind in dict.fromkeys(kinds):
        of_kind = kinds == kind
        knows = bool(np.isfinite(right[of_kind]).any())
        judged = (right if knows else wrong)[of_kind]
        shares = "  ".join(f"{each}: {(judged >= math.log(each / (1 - each))).mean():.3f}" for each in THRESHOLDS)
        first = f"  first {(right > wrong)[of_kind].mean():.3f}" if knows else ""
        write(f"    {kind:18} {'told' if knows else 'alarms':6} at {shares}{first}")


def write(line: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Cross-validate and fit each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path)
    folder = parser.parse_args().corpora
    domains = pair_domains(folder)
    cross_validate_domains(TASKS["RECURRENCE"], domains)
    models = {"RECURRENCE": fit_task(TASKS["RECURRENCE"], [(pairs, _all(pairs)) for pairs in domains])}
    foresight, pattern_folds = pair_foresight(folder)
    for name, pairs in foresight.items():
        cross_validate_families(TASKS[name], pairs, pattern_folds)
        models[name] = fit_task(TASKS[name], [(pairs, _is_learnt(pairs))])
    for name, model in models.items():
        write(f"{name} = Model({model.intercept}, ({', '.join(map(str, model.coefficients))}))")


if __name__ == "__main__":
    main()
