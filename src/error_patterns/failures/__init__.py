"""What failure texts say: the one place that knows how interpreters, compilers, shells and logs word them."""

from error_patterns.failures.parse import FINGERPRINT_PREFIX, Reading, read, text_of

__all__ = ["FINGERPRINT_PREFIX", "Reading", "read", "text_of"]
