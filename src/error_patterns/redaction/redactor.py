"""Secrets out of failure text, before it is stored, hashed or shown. Pure, total, and in linear time."""

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from error_patterns.redaction.false_positives import is_secret
from error_patterns.redaction.rules import REDACTION_RULES, expressions_of

_HIDDEN = "[redacted]"
# Beside what was hidden, a text can read as if another secret began there. One pass more finds almost all of those;
# the bound keeps texts linear that were made to need many.
_MOST_PASSES = 4


def _without_secrets(rule: re.Pattern[str], text: str) -> str:
    kept: list[str] = []
    done = position = 0
    while match := rule.search(text, position):
        start, end = match.span("secret")
        if is_secret(match):
            kept += text[done:start], _HIDDEN
            done = position = end
        else:
            position = start if start > match.start() else start + 1
    return "".join((*kept, text[done:]))


def _hide(match: re.Match[str]) -> str:
    """For a pattern of the caller, which may match nothing, or have a group that takes no part in the match."""
    start, end = match.span("secret" if "secret" in match.re.groupindex else 0)
    if start == end:
        return match[0]
    return match.string[match.start() : start] + _HIDDEN + match.string[end : match.end()]


@dataclass(frozen=True)
class Redaction:
    """Which secrets are taken out of a text.

    Attributes:
        patterns: Expressions of the caller's own, applied before the rules. What one matches is hidden, or only its
            group named `secret` if it has one. They never see what is hidden already. How long they take is theirs.
        without: Names of rules, of `REDACTION_RULES`, that are not applied.

    Raises:
        ValueError: A pattern is no valid expression, or a name is not that of a rule.
    """

    patterns: tuple[str | re.Pattern[str], ...] = ()
    without: Set[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what could fail later."""
        for pattern in self.patterns:
            try:
                re.compile(pattern).search("")
            except (re.error, TypeError, OverflowError, RecursionError) as error:
                raise ValueError(f"the pattern {pattern!r} is no valid expression: {error}") from error
        if unknown := self.without - set(REDACTION_RULES):
            named = ", ".join(sorted(map(repr, unknown)))
            raise ValueError(f"no rule is named {named}; the rules are {', '.join(REDACTION_RULES)}")

    def redact(self, text: str) -> str:
        """The text with `[redacted]` in place of each secret.

        Redacting it again changes nothing, unless hiding a secret made another one readable more than three times over.
        """
        for _ in range(_MOST_PASSES):
            redacted = self._redacted_once(text)
            if redacted == text:
                break
            text = redacted
        return text

    def _redacted_once(self, text: str) -> str:
        for pattern in self.patterns:
            text = _HIDDEN.join(re.sub(pattern, _hide, part) for part in text.split(_HIDDEN))
        for name in REDACTION_RULES:
            for expression in expressions_of(name) if name not in self.without else ():
                text = _without_secrets(expression, text)
        return text


NO_REDACTION: Final = Redaction(without=frozenset(REDACTION_RULES))
"""Takes nothing out. For callers whose texts hold no secrets, or are redacted already."""

EVERY_RULE: Final = Redaction()
"""The default: all rules, and no pattern besides."""
