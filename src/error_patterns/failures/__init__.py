"""Parsers of failure texts: the only code that knows the formats of interpreters, compilers, shells and logs."""

from error_patterns.failures.context import ReadContext, read_context
from error_patterns.failures.exceptions import circumstances_of
from error_patterns.failures.parse import (
    FINGERPRINT_PREFIX,
    ParsedFailure,
    clean_text,
    failure_text,
    parse_failure,
)

__all__ = [
    "FINGERPRINT_PREFIX",
    "ParsedFailure",
    "ReadContext",
    "circumstances_of",
    "clean_text",
    "failure_text",
    "parse_failure",
    "read_context",
]
