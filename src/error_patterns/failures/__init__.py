"""Parsers of failure texts: the only code that knows the formats of interpreters, compilers, shells and logs."""

from error_patterns.failures.parse import FINGERPRINT_PREFIX, ParsedFailure, failure_text, parse_failure

__all__ = ["FINGERPRINT_PREFIX", "ParsedFailure", "failure_text", "parse_failure"]
