"""Redaction of secrets in failure text, before it is stored, hashed or shown."""

from error_patterns.redaction.redactor import EVERY_RULE, NO_REDACTION, Redaction
from error_patterns.redaction.rules import REDACTION_RULES

__all__ = ["EVERY_RULE", "NO_REDACTION", "REDACTION_RULES", "Redaction"]
