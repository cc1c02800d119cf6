r"""What stands where a secret can stand, and is none. Pure, total, and in linear time.

No secret is what only says how a secret is called, where it is, or what ails it:

- placeholders, variables, masks and paths: `${DB_PASSWORD}`, `%(password)s`, `<password>`, `***`, `/run/secrets/db`;
- words of prose and types: `password: must have …`, `token: str`, `secret=None`. After a colon, or after an option and
  a blank, any value of letters alone is one, unless it ends its line and no word stands before its name;
- code, which is an unquoted call or subscript (`token = get_token(`, `key=os.environ[`), an attribute of a usual object
  or with the name of a secret (`self.x`, `db.password`), and a name like those of secrets, without digits, that is an
  argument or stands behind a spaced `=` (`connect(password=db_password)`, `token = new_token`), the kind of a parser's
  token (`token=RPAREN`), an exception (`test_reset_token: AssertionError`);
- a short word that a secret is compared with: `assert token == "abc"`;
- what is said in a sentence (`password is wrong`) or after a name of two words (`API key: 404`), unless it has letters
  and digits, or is the quoted value of a password;
- after a name that seldom means a secret (`session_id`, `auth`, `?key=`), all but long values that look random.
"""

import re

# What a value holds that was left alone is read again for names. This bound keeps that linear.
_LONGEST_HARMLESS = 200

_PLACEHOLDER = re.compile(
    r"(?:\[redacted\]?|[\W_])*+|\$\{.*|\$\(.*|\$(?:env:)?[a-z_]+|%\(?[a-z_]+\)?s?%?|(?:bearer |basic )?\{.*\}|<.*>|"
    r"(?:\*{3}|\.{3}|…).*|x{3,}|-----BEGIN .*|(?:~|\.{1,2})/.*|[a-z]:\\.*|(?:arn|vault|op|env|file|secretref):.*|"
    r"/(?:app|builds|etc|home|keys|mnt|opt|private|proc|root|run|secrets?|srv|tmp|users|usr|var|workspace)/.*|"
    r"(?-i:[A-Z]\w*\{|(?:[a-z]\w*\.)+[A-Z]\w*@)[0-9a-f]{5,8}|"  # how Java prints an object
    r"(?-i:(?:[a-z]\w*\.)*[A-Z]\w*(?:Error|Exception))|"
    r"[\w./-]+\.(?:cfg|conf|crt|env|ini|jks|json|key|p12|pem|py|toml|txt|ya?ml)",
    re.IGNORECASE,
)
_WORDS = frozenset(
    "a an and any are array as at await bool boolean bytes can cannot char could denied empty eof expected expired "
    "failed false field for from has i if in include incorrect int integer invalid is it lambda may missing must my "
    "needs new nil no none not null number object of ok omit on optional or playwright provided rejected required "
    "revoked same-origin secretstr self should str string text that the then this to true undefined unexpected unicode "
    "unknown unset valid varchar was were when will with would wrong yield your".split()
)
_AILMENTS = frozenset("blank empty hidden long masked short strong too valid weak".split())
_COMPARISONS = frozenset(("==", "===", "!=", "!=="))
# Short words, and what a requirement of a package compares.
_COMPARED = re.compile(r"(?=.{1,20}$)[a-z]+(?:[ '_-][a-z]+)*[.!?:]?|\d+(?:\.\d+)+", re.IGNORECASE)
_RANDOM = re.compile(
    r"(?!0x|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$|\d{8}T\d{6})(?=.*(?:[a-z]\d{1,9}[a-z]|[^=]=$|==$))"
    r"(?:s%3A|\d/)?(?:[\w~%+-]{12,}={0,2}|[\w+/]{6,}={1,2}|(?=.*(?-i:[a-z]))(?=.*(?-i:[A-Z]))[\w+/]{24,})",
    re.IGNORECASE,
)
# Counts, versions and algorithms have digits too: `8chars`, `2FA`, `v2`, `SHA-256`, `id_ed25519`.
_WITH_DIGIT = re.compile(
    r"(?!\d{1,4}-?[a-z]+$|v\d+(?:\.\d+)*$|(?:id_)?(?:aes|argon|base|ec|ecdsa|ed|http|jwt|md|oauth|pbkdf|pkcs|rsa|"
    r"scram-sha|secp|sha|utf|x(?=25519|448|509))[-_#]?\d{1,5}(?:[-_]\w+)*$)(?=.*\d)(?=.*[a-z]).{6,}",
    re.IGNORECASE,
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
_KIND_OF_TOKEN = re.compile(r"[A-Z_]{2,20}")  # of a parser
_CODE_NAME = re.compile(_NAMED_LIKE_SECRETS, re.IGNORECASE)


def is_secret(match: re.Match[str]) -> bool:
    """Whether what stands where a secret can stand is one; the docstring of the module has the rules."""
    value, parts = match["secret"], match.groupdict()
    if len(value) > _LONGEST_HARMLESS:
        return True
    if _PLACEHOLDER.fullmatch(value) or ("name" in parts and _first_word(value) in _WORDS):
        return False
    if parts.get("weak") is not None:
        return _RANDOM.fullmatch(value) is not None
    if "sign" not in parts:
        return True
    if match["spoken"] is not None or match["sign"].strip(":") in {"is", "was"}:
        return _is_stated(match)
    return _is_assigned(match)


def _first_word(value: str) -> str:
    return value.casefold().split()[0].strip(".,:;!?")


def _is_stated(match: re.Match[str]) -> bool:
    value, spoken = match["secret"], match["spoken"] is not None
    if not spoken and "pass" not in match["name"].casefold():
        return _RANDOM.fullmatch(value) is not None
    quoted = match["open"] is not None and not spoken and _first_word(value) not in _AILMENTS
    # A number that more words follow counts something.
    number = len(value) >= 4 and value.isdigit() and _LAST_OF_LINE.match(match.string, match.end()) is not None
    return quoted or (number and not spoken) or _WITH_DIGIT.fullmatch(value) is not None


def _is_assigned(match: re.Match[str]) -> bool:
    sign, quoted = match["sign"], match["open"] is not None
    if sign in _COMPARISONS and (_COMPARED.fullmatch(match["secret"]) or not (quoted or sign == "==")):
        return False
    return quoted or not (_is_code(match) or _is_prose(match))


def _is_code(match: re.Match[str]) -> bool:
    value, sign, text = match["secret"], match["sign"], match.string
    before, after = text[max(0, match.start() - 2) : match.start()], text[match.end() : match.end() + 1]
    if value.isdigit():  # a count or a column; passwords may be short numbers
        return len(value) <= 5 and not re.search("(?i).pass|pass.", match["name"])
    if sign == ":" and before.endswith((":", "/")):  # of a resource name or an image
        return True
    if match["name"].casefold().endswith("token") and _KIND_OF_TOKEN.fullmatch(value):
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
