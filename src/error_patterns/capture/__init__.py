"""Exceptions as they happen, recorded: of a block, of a function, and of what is logged."""

from error_patterns.capture.captures import capture_failures
from error_patterns.capture.log_handler import FailureHandler

__all__ = ["FailureHandler", "capture_failures"]
