"""Errors keep their message and their attributes when they are pickled."""

import pickle

import pytest

from error_patterns import (
    DatabaseUnavailableError,
    ErrorPatternsError,
    PatternAlreadyExistsError,
    PatternNotFoundError,
    RepositoryClosedError,
    SchemaOutOfDateError,
    SchemaTooNewError,
)


@pytest.mark.parametrize(
    "error",
    [
        PatternNotFoundError("01HXYZ1234567890ABCDEFGH1J"),
        PatternAlreadyExistsError("01HXYZ1234567890ABCDEFGH1J"),
        SchemaOutOfDateError(None, "0001"),
        SchemaTooNewError("9999", "0001"),
        RepositoryClosedError("the transaction"),
        DatabaseUnavailableError("locked"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_pickled_with_its_message_and_its_attributes(error: ErrorPatternsError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled by the test itself
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
