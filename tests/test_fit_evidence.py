"""How the models of evidence are fitted: corpora are read, contexts paired, coefficients found with their signs."""

import json
from pathlib import Path

import numpy as np
import pytest

from error_patterns.matching.evidence import ATTEMPT_FORESIGHT, FAILURE_FORESIGHT, RECURRENCE
from evaluation.corpora import read_domain, read_harmless
from evaluation.fit_evidence import TASKS
from evaluation.pairs import Asked, Memory, best_of, known_from, shown_in
from evaluation.regression import fit, scores

NOT_FOUND = "ModuleNotFoundError: No module named 'httpx'"
REFUSED = "psycopg.OperationalError: connection to server at 10.0.3.7 failed: Connection refused"


def write_rows(folder: Path, name: str, *rows: object) -> None:
    (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


class TestRegression:
    def test_finds_the_coefficients_that_made_the_data(self) -> None:
        generator = np.random.default_rng(7)
        features = generator.normal(size=(40_000, 2))
        probability = 1 / (1 + np.exp(-(features @ np.array([2.0, -1.0]) - 0.5)))
        is_right = generator.random(40_000) < probability
        model = fit(features, is_right, np.ones(40_000), (1, -1))
        assert np.allclose([model.intercept, *model.coefficients], [-0.5, 2.0, -1.0], atol=0.1)

    def test_keeps_to_the_signs(self) -> None:
        features = np.array([[0.0, 1.0], [1.0, 0.0]] * 50)
        is_right = np.array([True, False] * 50)
        first, second = fit(features, is_right, np.ones(100), (1, 1)).coefficients
        assert (first, second > 0) == (0.0, True)

    def test_scores_are_the_log_odds_of_the_model(self) -> None:
        expected = RECURRENCE.probability((0.2, 0.3))
        (found,) = 1 / (1 + np.exp(-scores(RECURRENCE, np.array([[0.2, 0.3]]))))
        assert found == pytest.approx(expected)


class TestCorpora:
    def test_of_a_label_the_first_failure_is_stored_and_the_others_are_asked(self, tmp_path: Path) -> None:
        rows = [
            {"label": "a", "text": "first", "kind": "match"},
            {"label": "a", "text": "second", "kind": "match"},
            {"label": "a", "text": "near", "kind": "no_match"},
        ]
        write_rows(tmp_path, "commands", *rows)
        domain = read_domain(tmp_path, "commands")
        assert (domain.stored, domain.asked) == ([("a", "first")], [("second", {"a"}), ("near", set())])

    def test_of_roles_only_stored_labels_are_right(self, tmp_path: Path) -> None:
        rows = [
            {"role": "stored", "label": "a", "relevant": ["a"], "text": "kept"},
            {"role": "query", "label": "b", "relevant": ["a", "b"], "text": "asked"},
        ]
        write_rows(tmp_path, "pulsar_ci", *rows)
        domain = read_domain(tmp_path, "pulsar_ci")
        assert (domain.stored, domain.asked) == ([("a", "kept")], [("asked", {"a"})])

    def test_documents_are_read_in_three_lengths(self, tmp_path: Path) -> None:
        write_rows(tmp_path, "harmless", {"kind": "document", "text": "x" * 4_000, "id": "1"})
        assert [len(one.text) for one in read_harmless(tmp_path)] == [500, 2_000, 4_000]


class TestPairs:
    def test_each_context_meets_the_right_pattern_and_those_that_share_most(self) -> None:
        memory = Memory([known_from(NOT_FOUND), known_from(REFUSED)])
        asked = [Asked("plan", shown_in("install httpx"), frozenset({1}), 0)]
        pairs = memory.pair("x", asked, lambda shown, known: (float(len(known.failure.words)),), at_most=1)
        assert list(zip(pairs.pattern, pairs.is_right, strict=True)) == [(0, False), (1, True)]

    def test_the_best_is_taken_among_the_marked(self) -> None:
        memory = Memory([known_from(NOT_FOUND), known_from(REFUSED)])
        asked = [Asked("plan", shown_in("install httpx"), frozenset({1}), 0)]
        pairs = memory.pair("x", asked, lambda shown, known: (0.0,), at_most=2)
        assert best_of(pairs, np.array([3.0, 1.0]), among=pairs.is_right).tolist() == [1.0]


def test_the_shipped_models_have_the_signs_and_features_of_their_tasks() -> None:
    models = {
        "RECURRENCE": RECURRENCE,
        "FAILURE_FORESIGHT": FAILURE_FORESIGHT,
        "ATTEMPT_FORESIGHT": ATTEMPT_FORESIGHT,
    }
    for name, task in TASKS.items():
        signed = zip(models[name].coefficients, task.signs, strict=True)
        assert all(coefficient * sign >= 0 for coefficient, sign in signed), name
