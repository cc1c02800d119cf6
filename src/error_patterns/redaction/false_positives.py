r"""Values at the place of a secret that are none. Pure, total, and in linear time.

No secret is a value that only names a secret, refers to one, or describes one:

- Placeholders, variables, masks and paths: `${DB_PASSWORD}`, `%(password)s`, `<password>`, `***`, `/run/secrets/db`.
- Words of prose and types: `password: must have …`, `token: str`, `secret=None`. After a colon, or after an option and
  a blank, any value of letters alone is prose, unless it ends its line and no word stands before its name.
- Code: an unquoted call or subscript (`token = get_token(`, `key=os.environ[`); an attribute of a usual object or with
  the name of a secret (`self.x`, `db.password`); a name like those of secrets, without digits, that is an argument or
  stands behind a spaced `=` (`connect(password=db_password)`, `token = new_token`); the type of a parser's token
  (`token=RPAREN`); an exception (`test_reset_token: AssertionError`).
- A short word in a comparison: `assert token == "abc"`.
- A value in a sentence (`password is wrong`) or after a phrase (`API key: 404`), unless it has letters and digits, or
  is the quoted value of a password.
- After an ambiguous name (`session_id`, `auth`, `?key=`): all values but long ones that look random.
"""

import re

_PLACEHOLDER = re.compile(
    r"(?i)(?:\[redacted\]?|[\W_])*+|\$\{.*|\$\(.*|\$(?:env:)?[a-z_]+|%\(?[a-z_]+\)?s?%?|(?:bearer |basic )?\{.*\}|<.*>|"
    r"(?:\*{3}|\.{3}|…).*|x{3,}|-----BEGIN .*|(?:~|\.{1,2})/.*|[a-z]:\\.*|(?:arn|vault|op|env|file|secretref):.*|"
    r"/(?:app|builds|etc|home|keys|mnt|opt|private|proc|root|run|secrets?|srv|tmp|users|usr|var|workspace)/.*|"
    r"(?-i:[A-Z]\w*\{|(?:[a-z]\w*\.)+[A-Z]\w*@)[0-9a-f]{5,8}|"  # an object of Java
    r"(?-i:(?:[a-z]\w*\.)*[A-Z]\w*(?:Error|Exception))|"
    r"[\w./-]+\.(?:cfg|conf|crt|env|ini|jks|json|key|p12|pem|py|toml|txt|ya?ml)"
)
_HARMLESS_WORDS = frozenset(
    "a an and any are array as at await bool boolean bytes can cannot char could denied empty eof expected expired "
    "failed false field for from has i if in include incorrect int integer invalid is it lambda may missing must my "
    "needs new nil no none not null number object of ok omit on optional or playwright provided rejected required "
    "revoked same-origin secretstr self should str string text that the then this to true undefined unexpected unicode "
    "unknown unset valid varchar was were when will with would wrong yield your".split()
)
_DEFECTS = frozenset("blank empty hidden long masked short strong too valid weak".split())
# Short words, and the versions in requirements of packages.
_COMPARED = re.compile(r"(?=.{1,20}$)[a-z]+(?:[ '_-][a-z]+)*[.!?:]?|\d+(?:\.\d+)+", re.IGNORECASE)
_RANDOM = re.compile(
    r"(?i)(?!0x|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$|\d{8}T\d{6})(?=.*(?:[a-z]\d{1,9}[a-z]|[^=]=$|==$))"
    r"(?:s%3A|\d/)?(?:[\w~%+-]{12,}={0,2}|[\w+/]{6,}={1,2}|(?=.*(?-i:[a-z]))(?=.*(?-i:[A-Z]))[\w+/]{24,})"
)
# Counts, versions and algorithms have digits too: `8chars`, `2FA`, `v2`, `SHA-256`, `id_ed25519`.
_WITH_DIGIT = re.compile(
    r"(?i)(?!\d{1,4}-?[a-z]+$|v\d+(?:\.\d+)*$|(?:id_)?(?:aes|argon|base|ec|ecdsa|ed|http|jwt|md|oauth|pbkdf|pkcs|rsa|"
    r"scram-sha|secp|sha|utf|x(?=25519|448|509))[-_#]?\d{1,5}(?:[-_]\w+)*$)(?=.*\d)(?=.*[a-z]).{6,}"
)
_PROSE = re.compile(r"[a-z]+(?:['-][a-z]+)*[.!?:]?", re.IGNORECASE)
_WORD_AND_BLANK = re.compile(r"[\w\]] ")
_LAST_OF_LINE = re.compile(r"\\{0,8}[\"']?[)\]}]{0,3},?[ \t]{0,9}(?:$|#|\\)", re.MULTILINE)
_NAME_LIKE_SECRETS = (
    r"(?:(?:[a-z]+_)*(?:password|passwd|passphrase|pwd|pw|pass|secret|token|tok|key|apikey|cred|creds|credentials?|auth|"
    r"authorization)(?:_[a-z]+)*|(?-i:[A-Za-z]*(?:Password|Pwd|Secret|Token|Key|Credentials?)(?:[A-Z][a-z]+)*))"
)
_ATTRIBUTE = re.compile(
    rf"(?i)(?:self|cls|this|args|cfg|conf|config|ctx|env|opts|options|os|params|process|props|req|request|secrets|settings|"
    rf"state|vars?)\.[\w.]+|[a-z_]+(?:\.[a-z_]+)*\.{_NAME_LIKE_SECRETS}"
)
_TOKEN_TYPE = re.compile(r"[A-Z_]{2,20}")  # of a parser
_VARIABLE = re.compile(_NAME_LIKE_SECRETS, re.IGNORECASE)


def is_real(match: re.Match[str]) -> bool:
    """Return whether the group `secret` of a match is a real value, and no placeholder."""
    return _PLACEHOLDER.fullmatch(match["secret"]) is None


def is_random(match: re.Match[str]) -> bool:
    """Return whether the value looks random."""
    return is_real(match) and _RANDOM.fullmatch(match["secret"]) is not None


def is_no_word(match: re.Match[str]) -> bool:
    """Return whether the value does not begin with a word of prose."""
    return is_real(match) and _first_word(match["secret"]) not in _HARMLESS_WORDS


def _first_word(value: str) -> str:
    return value.casefold().split()[0].strip(".,:;!?")


def is_named_secret(match: re.Match[str]) -> bool:
    """Return whether the value behind a name is a secret. Behind an ambiguous name, it must look random."""
    return is_no_word(match) and (match["ambiguous"] is None or is_random(match))


def is_assigned_secret(match: re.Match[str]) -> bool:
    """Return whether the value behind a name and a sign is a secret, by all rules in the docstring of the module."""
    if match["ambiguous"] is not None or not is_named_secret(match):
        return is_named_secret(match)
    value, sign, is_quoted = match["secret"], match["sign"], match["quote"] is not None
    if match["phrase"] is not None:
        return _WITH_DIGIT.fullmatch(value) is not None
    if sign.strip(":") in {"is", "was"}:
        return _is_secret_in_sentence(match)
    if sign in {"==", "===", "!=", "!=="} and (_COMPARED.fullmatch(value) or not (is_quoted or sign == "==")):
        return False
    return is_quoted or not (_is_code(match) or _is_prose(match))


def _is_secret_in_sentence(match: re.Match[str]) -> bool:
    value = match["secret"]
    if "pass" not in match["name"].casefold():
        return is_random(match)
    if match["quote"] is not None and _first_word(value) not in _DEFECTS:
        return True
    # A number that more words follow counts something.
    is_pin = len(value) >= 4 and value.isdigit() and _LAST_OF_LINE.match(match.string, match.end()) is not None
    return is_pin or _WITH_DIGIT.fullmatch(value) is not None


def _is_code(match: re.Match[str]) -> bool:
    value, sign, text = match["secret"], match["sign"], match.string
    before, after = text[max(0, match.start() - 2) : match.start()], text[match.end() : match.end() + 1]
    if value.isdigit():  # a count or a column; passwords may be short numbers
        return len(value) <= 5 and not re.search("(?i).pass|pass.", match["name"])
    if sign == ":" and before.endswith((":", "/")):  # of a resource name or an image
        return True
    if match["name"].casefold().endswith("token") and _TOKEN_TYPE.fullmatch(value):
        return True
    if not _VARIABLE.fullmatch(value):
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
