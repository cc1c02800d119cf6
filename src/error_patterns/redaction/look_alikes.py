r"""What stands where a secret can stand, and is none. Pure, total, and in linear time.

No secret is what only says how a secret is called, where it is, or what ails it:

- placeholders, variables, masks and paths: `${DB_PASSWORD}`, `%(password)s`, `<password>`, `***`, `/run/secrets/db`;
- words of prose and types: `password: must have …`, `token: str`, `secret=None`. After a colon, or after an option and
  a blank, any value of letters alone is one, unless it ends its line and no word stands before its name;
- code, which is an unquoted call or subscript (`token = get_token(`, `key=os.environ[`), an attribute of a usual object
  or with the name of a secret (`self.x`, `db.password`), and a name like those of secrets, without digits, that is an
  argument or stands behind a spaced `=` (`connect(password=db_password)`, `token = new_token`).
"""

import re

# What a value holds that was left alone is read again for names. This bound keeps that linear.
_LONGEST_HARMLESS = 200

_PLACEHOLDER = re.compile(
    r"(?:\[redacted\]?|[\W_])*+|\$\{.*|\$\(.*|\$[a-z_]+|%\(?[a-z_]+\)?s?%?|(?:bearer |basic )?\{.*\}|<.*>|"
    r"(?:\*{3}|\.{3}|…).*|x{3,}|-----BEGIN .*|(?:~|\.{1,2})/.*|[a-z]:\\.*|(?:arn|vault|op|env|file|secretref):.*|"
    r"/(?:app|builds|etc|home|keys|mnt|opt|private|proc|root|run|secrets?|srv|tmp|users|usr|var|workspace)/.*|"
    r"[\w./-]+\.(?:cfg|conf|crt|env|ini|jks|json|key|p12|pem|py|toml|txt|ya?ml)",
    re.IGNORECASE,
)
_WORDS = frozenset(
    "a an and any are array as at await bool boolean bytes can cannot char could denied empty eof expected expired "
    "failed false field for from has i if in include incorrect int integer invalid is it lambda may missing must my "
    "needs new nil no none not null number object of ok omit on optional or provided rejected required revoked "
    "same-origin secretstr self should str string text that the then this to true undefined unexpected unicode unknown "
    "unset valid varchar was were when will with would wrong yield your".split()
)
_PROSE = re.compile(r"[a-z]+(?:['-][a-z]+)*[.!?:]?", re.IGNORECASE)
_WORD_AND_BLANK = re.compile(r"[\w\]] ")
_LAST_OF_LINE = re.compile(r"\\{0,8}[\"']?[)\]}]{0,3},?[ \t]{0,9}(?:$|#|\\)", re.MULTILINE)
_NAMED_LIKE_SECRETS = (
    r"(?:(?:[a-z]+_)*(?:password|passwd|passphrase|pwd|pw|pass|secret|token|tok|key|apikey|cred|creds|credentials?|auth|"
    r"authorization)(?:_[a-z]+)*|(?-i:[A-Za-z]*(?:Password|Pwd|Secret|Token|Key|Credentials?)(?:[A-Z][a-z]+)*))"
)
_ATTRIBUTE = re.compile(
    rf"(?:self|cls|this|args|cfg|conf|config|ctx|env|opts|options|os|params|process|props|req|request|secrets|settings|"
    rf"state|vars?)\.[\w.]+|[a-z_]+(?:\.[a-z_]+)*\.{_NAMED_LIKE_SECRETS}",
    re.IGNORECASE,
)
_CODE_NAME = re.compile(_NAMED_LIKE_SECRETS, re.IGNORECASE)


def is_secret(match: re.Match[str]) -> bool:
    """Whether what stands where a secret can stand is one; the docstring of the module has the rules."""
    value, parts = match["secret"], match.groupdict()
    if len(value) > _LONGEST_HARMLESS:
        return True
    if _PLACEHOLDER.fullmatch(value):
        return False
    if "name" in parts and value.casefold().split()[0].strip(".,:;!?") in _WORDS:
        return False
    return "sign" not in parts or parts["open"] is not None or not (_is_code(match) or _is_prose(match))


def _is_code(match: re.Match[str]) -> bool:
    value, sign, text = match["secret"], match["sign"], match.string
    before, after = text[max(0, match.start() - 2) : match.start()], text[match.end() : match.end() + 1]
    if value.isdigit():  # a count or a column; passwords may be short numbers
        return len(value) <= 5 and not re.search("(?i).pass|pass.", match["name"])
    if sign == ":" and before.endswith((":", "/")):  # of a resource name or an image
        return True
    if not _CODE_NAME.fullmatch(value):
        return bool(_ATTRIBUTE.fullmatch(value))
    if ":" in sign:
        return value[0].isupper() or after == ","
    return text[match.end("name")].isspace() or (before.endswith(("(", ", ")) and after in {",", ")"})


def _is_prose(match: re.Match[str]) -> bool:
    sign, text = match["sign"], match.string
    if "=" in sign or not _PROSE.fullmatch(match["secret"]):
        return False
    # A hidden secret counts as the word it was before.
    follows_word = ":" in sign and _WORD_AND_BLANK.match(text, max(0, match.start() - 2)) is not None
    return follows_word or not _LAST_OF_LINE.match(text, match.end())
