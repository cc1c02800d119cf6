"""Secrets reach neither the database, nor an error, nor a log."""

import asyncio
import logging
import traceback
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from error_patterns import AsyncErrorPatternRepository, DatabaseRejectedError, ErrorPattern, ErrorPatternRepository
from error_patterns.failures import failure_text, parse_failure
from error_patterns.redaction import NO_REDACTION, Redaction
from redaction_corpus import FAILURES, leaked


class TestRecording:
    def test_a_secret_in_an_exception_is_not_in_its_text(self) -> None:
        assert "hunter2" not in failure_text(ConnectionError("redis://:hunter2@cache:6379/0"))

    def test_two_failures_that_differ_in_a_secret_are_one(self) -> None:
        first, second = (failure_text(f"login failed: password={secret}") for secret in ("hunter2", "swordfish"))
        assert parse_failure(first).fingerprint == parse_failure(second).fingerprint

    def test_no_secret_reaches_the_database(self, repository: ErrorPatternRepository) -> None:
        for failure in FAILURES.values():
            repository.record_failure(failure.text, context=failure.text)
        stored = " ".join(pattern.model_dump_json() for pattern in repository.list_all())
        assert leaked(stored) == []

    def test_no_secret_reaches_an_error(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/without_tables.db")  # which shows parameters, unlike ours
        repository = ErrorPatternRepository(sessionmaker(engine))
        for failure in FAILURES.values():
            with pytest.raises(DatabaseRejectedError) as caught:
                repository.record_failure(failure.text)
            printed = "".join(traceback.format_exception(caught.value))
            assert failure.secret not in leaked(printed)
        engine.dispose()

    def test_no_secret_reaches_a_log(self, file_url: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "sqlalchemy")
        engine = create_engine(file_url)  # which logs parameters, unlike ours
        repository = ErrorPatternRepository(sessionmaker(engine))
        for failure in FAILURES.values():
            repository.record_failure(failure.text)
        engine.dispose()
        assert "INSERT INTO error_patterns" in caplog.text
        assert leaked(caplog.text) == []


class TestOfARepository:
    FAILURE = "login failed: password=hunter2 for ticket T-4711"

    def test_the_patterns_of_the_caller_are_hidden_too(self, file_url: str) -> None:
        with ErrorPatternRepository.open(file_url, redaction=Redaction(patterns=(r"T-\d+",))) as repository:
            assert (
                repository.record_failure(self.FAILURE).pattern
                == "login failed: password=[redacted] for ticket [redacted]"
            )

    def test_a_context_is_redacted_by_the_same_rules(self, file_url: str) -> None:
        failures: list[tuple[str | Exception, str | None]] = [
            ("a", self.FAILURE),
            (CalledProcessError(1, ["b", "--password=hunter2", "T-4711"]), None),
            ("$ c --password=hunter2 T-4711\nerror: d", None),
        ]
        with ErrorPatternRepository.open(file_url, redaction=Redaction(patterns=(r"T-\d+",))) as repository:
            stored = [
                repository.record_failure(text, context=context).historical_contexts for text, context in failures
            ]
        assert stored == [
            ["login failed: password=[redacted] for ticket [redacted]"],
            ["b --password=[redacted] [redacted]"],
            ["c --password=[redacted] [redacted]"],
        ]

    def test_it_can_be_turned_off(self, file_url: str) -> None:
        with ErrorPatternRepository.open(file_url, redaction=NO_REDACTION) as repository:
            assert repository.record_failure(self.FAILURE).historical_failures == [self.FAILURE]

    def test_it_holds_in_a_transaction(self, file_url: str) -> None:
        redaction = Redaction(patterns=(r"T-\d+",))
        with (
            ErrorPatternRepository.open(file_url, redaction=redaction) as repository,
            repository.transaction() as inside,
        ):
            assert "T-4711" not in inside.record_failure(self.FAILURE).pattern

    def test_it_holds_in_a_session_of_the_caller(self, file_url: str) -> None:
        engine = create_engine(file_url)
        with Session(engine) as session:
            repository = ErrorPatternRepository.in_session(session, redaction=NO_REDACTION)
            assert repository.record_failure(self.FAILURE).historical_failures == [self.FAILURE]
        engine.dispose()

    def test_it_holds_for_asyncio(self, file_url: str) -> None:
        async def recorded() -> ErrorPattern:
            opened = AsyncErrorPatternRepository.open(file_url, redaction=NO_REDACTION)
            async with opened as repository, repository.transaction() as inside:
                return await inside.record_failure(self.FAILURE)

        assert asyncio.run(recorded()).historical_failures == [self.FAILURE]

    def test_what_hides_a_secret_is_no_keyword(self, repository: ErrorPatternRepository) -> None:
        assert "redacted" not in repository.record_failure(self.FAILURE).keywords
