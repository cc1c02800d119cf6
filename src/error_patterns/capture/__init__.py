"""Exceptions recorded as they happen: in a block, in a function, and in what is logged."""

from error_patterns.capture.captures import capture_failures
from error_patterns.capture.log_handler import FailureHandler

__all__ = ["FailureHandler", "capture_failures"]
