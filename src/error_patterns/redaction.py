"""Secrets out of failure text, before it is stored, hashed or shown. Pure and total."""

import re

_HIDDEN = "[redacted]"
_SENSITIVE_NAME = (
    r"(?<![\w.-])(?=[\w.-]*?(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential))"
    r"[\w.-]++"
)

# What each rule captures stays; what it matches besides is a secret.
_RULES = (
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(\b[a-z][a-z0-9+.-]{1,30}://[^\s:/@]{0,100}:)[^\s/@]+(@)", re.IGNORECASE),
    re.compile(r"(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+)[^\s\"',;]+()", re.IGNORECASE),
    re.compile(r"(\bbearer\s+)[\w.~+/=-]{12,}()", re.IGNORECASE),
    re.compile(rf"({_SENSITIVE_NAME}[\"']?\s*[:=]\s*[\"'])[^\"'\n]+([\"'])", re.IGNORECASE),
    re.compile(rf"({_SENSITIVE_NAME}\s*=\s*)[^\s\"',;&]+()", re.IGNORECASE),
    re.compile(r"(?<![\w-])((?>[\w-]*?\b(?=eyJ)))[\w-]{11,}+\.[\w-]{8,}+\.[\w-]*()"),  # a JSON Web Token
    re.compile(r"()\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|sk-|sk_live_|rk_live_|pypi-|AKIA|ASIA)[\w-]{16,}()"),
)


def redact(text: str) -> str:
    """The text with `[redacted]` in place of passwords in URLs and assignments, private keys, and known tokens."""
    for rule in _RULES:
        text = rule.sub(rf"\g<1>{_HIDDEN}\g<2>", text)
    return text
