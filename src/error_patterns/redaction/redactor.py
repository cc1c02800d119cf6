"""Redaction of secrets in failure text, before it is stored, hashed or shown. Pure, total, and in linear time."""

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from error_patterns.redaction.rules import REDACTION_RULES, RULES, Rule

_MASK = "[redacted]"
# Beside a mask, another secret can seem to begin. One more pass finds almost all of those. The bound keeps texts linear
# that were made to need many.
_MAX_PASSES = 4
# The search goes on inside a harmless value, as it can hold names. This bound keeps that linear.
_MAX_HARMLESS_CHARACTERS = 200


def _hide_secrets(rule: Rule, text: str) -> str:
    kept: list[str] = []
    done = position = 0
    while match := rule.pattern.search(text, position):
        start, end = match.span("secret")
        if end - start > _MAX_HARMLESS_CHARACTERS or rule.is_secret(match):
            kept += text[done:start], _MASK
            done = position = end
        else:
            position = start if start > match.start() else start + 1
    return "".join((*kept, text[done:]))


def _hide_match(match: re.Match[str]) -> str:
    """Hide a match of a caller's pattern. It may be empty, or its group may take no part in it."""
    start, end = match.span("secret" if "secret" in match.re.groupindex else 0)
    if start == end:
        return match[0]
    return match.string[match.start() : start] + _MASK + match.string[end : match.end()]


@dataclass(frozen=True)
class Redaction:
    """The secrets that are removed from a text.

    Attributes:
        patterns: Expressions of the caller, applied before the rules. All that one matches is hidden, or its group
            named `secret` alone if it has one. They never see text that is hidden already. Their running time is the
            caller's concern.
        without: Names of rules, of `REDACTION_RULES`, that are not applied.

    Raises:
        ValueError: A pattern is no valid expression, or a name is no rule's.
    """

    patterns: tuple[str | re.Pattern[str], ...] = ()
    without: Set[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse patterns and names that would fail later."""
        for pattern in self.patterns:
            try:
                re.compile(pattern).search("")
            except (re.error, TypeError, OverflowError, RecursionError) as error:
                raise ValueError(f"the pattern {pattern!r} is no valid expression: {error}") from error
        if unknown := self.without - set(REDACTION_RULES):
            named = ", ".join(sorted(map(repr, unknown)))
            raise ValueError(f"no rule is named {named}; the rules are {', '.join(REDACTION_RULES)}")

    def redact(self, text: str) -> str:
        """Replace each secret by `[redacted]`.

        A redacted text stays the same when it is redacted again. The exception is a text in which hidden secrets
        reveal further ones, more than three times over.
        """
        for _ in range(_MAX_PASSES):
            before = text
            for pattern in self.patterns:
                text = _MASK.join(re.sub(pattern, _hide_match, part) for part in text.split(_MASK))
            for rule in RULES:
                if rule.name not in self.without:
                    text = _hide_secrets(rule, text)
            if text == before:
                break
        return text


NO_REDACTION: Final = Redaction(without=frozenset(REDACTION_RULES))
"""No redaction at all, for texts that hold no secrets or are redacted already."""

EVERY_RULE: Final = Redaction()
"""The default: all rules, and no patterns of the caller."""
