"""Placeholders for the parts of a line that vary between two occurrences of one failure. Pure, total, linear time.

The parts that tell failures apart stay: names, codes such as `E0425`, the number of an errno, an HTTP status or an
exit, and the name of a missing file. Every repetition in these expressions is bounded, or ends before a character that
it cannot contain. So no text makes them backtrack.
"""

import re
from typing import NamedTuple

from error_patterns.failures.timestamps import TIMES

MAX_LINE_CHARACTERS = 10_000
"""The most characters of a line that count. What follows is data that was printed with the failure."""

# ECMA-48: control sequences (colours, cursor), operating system commands (titles, links), and other escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)|[ -/]{0,8}[0-Z^-~])")

# Numbers that tell failures apart, by the words before them. A colon behind "error" begins the message.
_CODE = (
    r"\b(?:errno|winerror|sqlstate|http(?:/\d(?:\.\d)?)?|code|status|signal|rc|(?:status|exit|return|error)[ _-]?code"
    r"|exit[ _-]status|exit(?:ed with|ed)?|error(?!s?[:=]))[\"']?[ =:]{0,3}[\[(\"']?-?\d{1,6}\b(?![.,:]?\d)"
    r"|\b(?:returned(?: error)?:?|status of|response|got|received|unexpected) \[?[1-5]\d\d\b(?![.,:]?\d)"
    r"|(?:^|(?<=: ))[1-5]\d\d(?=[,:] )|\bcurl: \(\d{1,3}\)|\bfailed \(\d{1,5}(?=: )"
    r"|(?<=assert )[1-5]\d\d(?= == 2\d\d\b)|(?<![\w)])\(\d{3,5}(?=, [b\"'])|\bORA-\d{5}\b"
    r"|(?<![\w.])[1-5]\d\d (?=(?:client |server |internal |proxy |service |gateway |payload |request )?(?:error"
    r"|not found|forbidden|unauthorized|conflict|gone|bad|unavailable|timeout|time-out|too|unprocessable))"
)
_AMOUNT = (
    r"(?<![\w.])(?:\d{1,9}(?:\.\d{1,9})?(?:[nuµm]?s|[dhm])){2,5}\b"
    r"|(?<![\w.])(?:(?<!\S)[<>~])?[+-]?\d+(?:[.,]\d+)*"
    r"(?:(?: ?(?:[nuµm]?s|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?"
    r"|(?:milli|micro|nano)seconds?|(?:[kmgtp]i?)?b(?:/s|ps)?|(?:kilo|mega|giga)?bytes?)|[mhdwkb])\b|%)"
)
_NUMBER = (
    # Hexadecimal, also without letters, as an address can be; but not an HRESULT or NTSTATUS.
    r"\b0x(?![8c]00[0-9a-f]{5}\b)[0-9a-f]+\b|(?<![a-z0-9])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,}(?![a-z0-9])"
    # A cuid, of which digits stand in three places.
    r"|(?<![\w-])c(?=(?:[a-z]{0,24}+\d{1,24}+){3})[a-z0-9]{24}(?!\w)"
    r"|(?<=segfault at )[0-9a-f]+\b|(?<=occurred while calling )o\d+\b"  # of the kernel, of Py4J
    r"|(?<![\w.])(?<!utf-)(?<!8859-)[+-]?(?:v(?=\d+\.))?\d+(?:[.,_]\d+)*(?:e[+-]?\d+|[-.]?(?:a|b|rc|dev|post|alpha|beta|snapshot)\.?\d*)?"
    r"(?!\w)|(?<=[a-z0-9]_)-?\d{3,}(?![a-z0-9])|(?<=[a-z]_)\d+(?:_\d+)+(?!\w)|(?<=[a-z]\.)\d{2,}(?!\w)"
)
_HOST = "[a-z0-9-]{1,63}"
_USER = r"(?!(?:id|input|name)\b)[\w.-]{1,64}(?= from\b| by\b| \[)"
_DIGEST = r"[:-](?:[0-9a-f]{16,}\b|[\w+/]{20,}={0,2})"
_DURATION_WORDS = "|".join(
    rf"(?<=\b{word}[ =])|(?<=\b{word}: )"
    for word in ("lifetime", "duration", "elapsed", "uptime", "took", "after", "total time")
)
_STOPWATCH = r"(?:\d{1,4}:)?\d{1,3}:\d\d(?:[.,]\d{1,9})?"
_ID_NAMES = "request|trace|span|session|correlation|transaction|message|user|account|customer|order|invoice"
_SOURCES = "py|pyx|js|mjs|ts|tsx|jsx|java|kt|scala|groovy|go|rs|c|cc|cpp|cxx|h|hpp|cs|rb|php|pl|sh|swift|m|lua|ex|sql"


class _Rule(NamedTuple):
    needle: str  # in lower case; a line without it has no match, and that is cheap to see
    expression: re.Pattern[str]
    replacement: str


def _compile_rules(*kinds: tuple[str, ...]) -> tuple[_Rule, ...]:
    """Compile kinds: a replacement, a needle, and expressions. A placeholder is one word, and no keyword."""
    return tuple(
        _Rule(needle, re.compile(expression, re.IGNORECASE), replacement)
        for replacement, needle, *expressions in kinds
        for expression in expressions
    )


# In this order: kinds that contain other kinds come first.
_NAME_RULES = _compile_rules(
    ("<url>", "://", r"\b[a-z][a-z0-9+.-]{1,30}://[^\s\"'<>`]*[^\s\"'<>`.,:;!?)\]}]"),
    ("<user>", "user ", rf"(?:(?<=\bfor user )|(?<=\binvalid user )){_USER}"),
    ("<user>", "password for ", rf"(?<=\bpassword for ){_USER}"),
    ("<user>", "ed for user ", r"(?:(?<=opened for user )|(?<=closed for user ))[\w.-]{1,64}$"),
    ("<user>", "user=", r"(?<=\buser=)[\w.-]{1,64}(?=,? |$)"),
    ("<address>", "fatal: [", r"(?<=^fatal: \[)[\w.-]{1,253}(?=\])"),
    ("<address>", "rhost=", r"(?<=\brhost=)[\w.-]{1,253}"),
    ("<email>", "@", rf"(?<![\w.+-])[\w.+-]{{1,64}}@{_HOST}(?:\.{_HOST}){{1,8}}(?![\w-])"),
)
_DIGIT_RULES = _compile_rules(
    # A duration as on a clock, behind a word for one or in front of its unit.
    (
        "<amount>",
        ":",
        rf"(?<![\w.:])(?=\d)(?:(?:{_DURATION_WORDS}){_STOPWATCH}(?![\w:])|{_STOPWATCH} ?(?:s|min|h|hours)\b)",
    ),
    ("<time>", "", *TIMES),
    ("<uuid>", "-", r"(?<![a-z0-9])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![a-z0-9])"),
    ("<hash>", "md5", rf"\bmd5{_DIGEST}"),
    ("<hash>", "sha", rf"\bsha(?:1|224|256|384|512){_DIGEST}"),
    (
        "<id>",
        "",
        r"(?<![a-z0-9])(?=[a-z]{0,25}\d)[0-7][0-9a-hjkmnp-tv-z]{25}(?![a-z0-9])",
        # Random letters and digits in both cases: in three places they change as no camel case does.
        r"(?-i:(?<![A-Za-z0-9])(?=[A-Za-z]{0,40}\d)(?=[a-z0-9]{0,40}[A-Z])(?=[A-Za-z0-9]{12})"
        r"(?>[A-Za-z0-9]{0,16}?(?:\d[a-z]|[A-Z][a-z](?=[A-Z\d])|[a-z][A-Z](?=[A-Z\d]))){3}[A-Za-z0-9]*)",
    ),
    # Which one of the things with this name, alone in brackets.
    (r"[\1<number>]", "[", r"(?<![\w)\]])\[([a-z_-]{0,40}(?-i:[a-z])(?:_|-(?=[a-z])))[a-z]?\d{1,6}\](?!\w)"),
    # With the host name that a server looked up, in front or behind.
    (
        "<address>",
        "[",
        rf"(?<![\w.-]){_HOST}(?:\.{_HOST}){{1,8}} ?\[(?:\d{{1,3}}\.){{3}}\d{{1,3}}\](?::\d{{1,5}})?",
    ),
    (
        "<address>",
        ".",
        r"(?:(?<![\w:.])::ffff:|(?<![\w.]))(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?(?::\d{1,5})?(?!\w|\.\w)"
        r"(?: \((?:[\w-]{1,63}\.[\w.-]{1,253})?\))?",
    ),
    # Of a network card, and the fingerprint of a key.
    ("<address>", "", r"(?<![\w:-])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4,30}[0-9a-f]{2}(?![\w:-])"),
    (
        "<address>",
        ":",
        r"(?<![\w:.])\[?(?=[a-f:]{0,39}\d)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w{1,15})?"
        r"(?:\]:\d{1,5}|\]|/\d{1,3})?(?![\w:])",
        rf"(?<![\w.-])(?:localhost|(?:{_HOST}\.){{1,8}}(?!(?:{_SOURCES}):){_HOST}):\d{{2,5}}(?!\w|:\d)",
    ),
    ("<temporary>", "tmp", r"(?<![a-z0-9])tmp(?:\.[a-z0-9]{6,12}|(?=[a-z_]{0,8}\d)[a-z0-9_]{8})(?![a-z0-9])"),
)
_WORD_RULES = _compile_rules(
    # Of a pod, behind the name of its deployment: two parts in the alphabet of Kubernetes.
    ("<id>", "-", r"(?<=[a-z0-9]-)[b-df-hj-np-tv-z0-9]{8,10}-[b-df-hj-np-tv-z0-9]{5}(?![a-z0-9-])"),
    ("<id>", "host id: ", r"(?<=host id: )\S{8,128}"),
    (
        r"\1<id>",
        "id",
        # A short plain word says what is wrong with it.
        rf"\b((?:{_ID_NAMES})[ _-]?id[\"']?[=:] ?[\"']?)(?!(?-i:[A-Z]?[a-z-]{{1,15}})(?![\w-]))[\w-]{{1,64}}(?![\w-])",
    ),
    # A host, by its domain. A package of Java begins with the domain, and a module of Go goes on with a path. A quoted
    # line, which is a key, and what is named so tell failures apart.
    (
        "<address>",
        ".",
        r"(?<![\w./@\\-])(?<!named ['\"])(?<!^['\"])(?<!keyerror: ['\"])(?!(?:com|edu|io|java|javax|net|org|sun)\.)"
        rf"{_HOST}\.(?:(?:{_HOST}\.){{0,8}}(?:com|edu|gov|mil|org|(?:ac|co|com|edu|gov|net|org)\.[a-z]{{2}})"
        rf"|(?:{_HOST}\.){{1,8}}net)"
        r"(?![\w/(-]|\.\w)",
    ),
    ("<boolean>", "=", r"(?<=[\w\"'\])]=)(?:true|false)\b"),
    ("<number>", "", r"(?<![a-z0-9])[a-f]{8,}(?![a-z0-9])"),  # hexadecimal, without a digit
)
_PATH_RULES = _compile_rules(
    (
        "<path>",
        "",
        # Between quotes a path may have spaces, but not before an option, as in a command. Without a drive, a server or
        # dots, a backslash begins an escape.
        r"(?<=[\"'`\u2018])(?:(?:[a-z]:|~|\.{1,2})[\\/]|/|\\{2,4}(?=\w))(?:[^\"'`\u2019\n -]|(?! -)[ -])*"
        r"(?=[\"'`\u2019])",
        r"(?<!\w)[a-z]:(?:\\{1,2}|/)(?:[^\\/:*?\"'<>|\n]{1,80}[\\/]{1,2})*[\w.@+$~-]*",
        r"(?<![\w.<>\\])(?:(?:~\w{0,32}|\.{1,2})[\\/]|/|\\\\(?=\w))(?:\\ |<\w{2,9}>|[\w.@+=,#~$%/\\-])+(?<![.,])"
        r"(?:\?[\w.~%-]{1,80}=(?:<\w{2,9}>|[^\s\"'<>`,)\]}])*)?",  # with a query
    )
)
_NUMBERS = re.compile(f"(?P<code>{_CODE})|(?P<amount>{_AMOUNT})|{_NUMBER}", re.IGNORECASE)
_REPEATED_PLACEHOLDER = re.compile(r"(<\w{2,9}>)(?:(?:,? (?:and )?|,)(?:\1|\(\1\)))+")  # so that 1 min 3 s equals 3 s
_DIGIT = re.compile(r"\d")
# The last name of a path counts where a file is missing or refused, or a program failed. A quoted line is a key.
_FILE_MATTERS = re.compile(
    r"(?i)no such file|not found|cannot find|can't find|not exist|n't exist|\bmissing\b|ENOENT"
    r"|\bforbidden\b|permission denied|EACCES|\bcommand\b|\bprocess\b|\*\*\*|\bexec\b"
    r"|^(?:KeyError: )?(?:'[^'\n]*'|\"[^\"\n]*\")$"
)
_LAST_NAME = re.compile(r"[\\/](?!<|tmp[a-z0-9_]{8}(?![a-z0-9_]))([^\\/?]{1,80})[\\/]*(?:\?.*)?$", re.IGNORECASE)


def strip_escapes(text: str) -> str:
    """Remove the escape sequences of terminals, such as colours, from a text."""
    return _ESCAPES.sub("", text)


def normalize(line: str) -> str:
    """Replace the parts of a line that vary between two occurrences of one failure by placeholders."""
    line = " ".join(line[:MAX_LINE_CHARACTERS].split())
    searched = line.lower()
    has_digit = _DIGIT.search(line) is not None
    for needle, expression, replacement in _NAME_RULES + (_DIGIT_RULES if has_digit else ()) + _WORD_RULES:
        if needle in searched:
            line = expression.sub(replacement, line)
    if "/" in line or "\\" in line:
        file_matters = _FILE_MATTERS.search(line) is not None
        for _, expression, replacement in _PATH_RULES:
            line = expression.sub(_keep_last_name if file_matters else replacement, line)
    if has_digit:
        line = _NUMBERS.sub(_replace_number, line)
    return _REPEATED_PLACEHOLDER.sub(r"\1", line)


def _keep_last_name(path: re.Match[str]) -> str:
    name = _LAST_NAME.search(path[0])
    return f"<path> {name[1]}" if name else "<path>"


def _replace_number(number: re.Match[str]) -> str:
    return number["code"] or ("<amount>" if number["amount"] else "<number>")
