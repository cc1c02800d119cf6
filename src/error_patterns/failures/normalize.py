"""What differs between two occurrences of one failure becomes a placeholder. Pure, total, and of linear time.

What tells failures apart stays: names, codes such as `E0425`, the number of an errno, an HTTP status or an exit, and
the name of a file that is missing. Every repetition in these rules is bounded, or ends where what comes next cannot be
a part of it, so that no text has them try twice.
"""

import re

# ECMA-48: control sequences (colours, cursor), operating system commands (titles, links), and other escapes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)|[ -/]{0,8}[0-Z^-~])")

_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    "nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = "(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_ZONE = r"(?: ?(?:z|utc|gmt|[ecmp][sd]t|cet|cest|bst|ist|jst|[+-]\d\d:?\d\d)\b)?"
_CLOCK = rf"\d{{1,2}}:\d\d(?:(?::\d\d(?:[.,]\d{{1,9}})?)(?: ?[ap]m\b)?{_ZONE}|(?: ?[ap]m\b){_ZONE})"
_ISO_TIME = rf"\d{{4}}[-/.]\d\d[-/.]\d\d(?:[t_ -]{{1,3}}(?:{_CLOCK}|\d\d:\d\d{_ZONE}))?"
_SYSLOG_TIME = rf"{_WEEKDAY}{_MONTH} {{1,2}}\d{{1,2}},? (?:\d{{4}},? )?(?:{_CLOCK})(?: \d{{4}})?"
_TIMES = (
    rf"(?<![\w.]){_ISO_TIME}(?![\w])",
    rf"\b{_SYSLOG_TIME}(?!\w)",
    rf"\b{_WEEKDAY}\d{{1,2}}[ /-]{_MONTH}[ /-]\d{{4}}(?:[ :t](?:{_CLOCK}))?(?!\w)",
    rf"\b{_MONTH} \d{{1,2}}, \d{{4}}\b",
    rf"(?<![\w/])\d{{1,2}}([/.])\d{{1,2}}\1\d{{4}}(?:,? (?:{_CLOCK}))?(?![\w./])",
    r"\b\d{8}t\d{6}(?:\.\d{1,9})?z?\b",
    rf"(?<![\w.:]){_CLOCK}(?![\w:])",
)

# What stands before a number that says which failure it is. A colon behind "error" begins the message.
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
    r"|(?<![\w.])[+-]?\d+(?:[.,]\d+)*(?:(?: ?(?:[nuµm]?s|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?"
    r"|(?:milli|micro|nano)seconds?|(?:[kmgtp]i?)?b(?:/s|ps)?|(?:kilo|mega|giga)?bytes?)|[mhdwkb])\b|%)"
)
_NUMBER = (
    # Hexadecimal, also without letters, as an address can be; but not an HRESULT or NTSTATUS.
    r"\b0x(?![8c]00[0-9a-f]{5}\b)[0-9a-f]+\b|(?<![a-z0-9])(?:(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,}|f{8}|f{16})(?![a-z0-9])"
    # A cuid, of which digits stand in three places.
    r"|(?<![\w-])c(?=(?:[a-z]{0,24}+\d{1,24}+){3})[a-z0-9]{24}(?!\w)"
    r"|(?<=segfault at )[0-9a-f]+\b|(?<=occurred while calling )o\d+\b"  # of the kernel, of Py4J
    r"|(?<![\w.])(?<!utf-)(?<!8859-)[+-]?(?:v(?=\d+\.))?\d+(?:[.,_]\d+)*(?:e[+-]?\d+|[-.]?(?:a|b|rc|dev|post|alpha|beta|snapshot)\.?\d*)?"
    r"(?!\w)|(?<=[a-z0-9]_)-?\d{3,}(?![a-z0-9])|(?<=[a-z]_)\d+(?:_\d+)+(?!\w)|(?<=[a-z]\.)\d{2,}(?!\w)"
)
_HOST = "[a-z0-9-]{1,63}"
_SOURCES = "py|pyx|js|mjs|ts|tsx|jsx|java|kt|scala|groovy|go|rs|c|cc|cpp|cxx|h|hpp|cs|rb|php|pl|sh|swift|m|lua|ex|sql"

Rules = tuple[tuple[re.Pattern[str], str], ...]


def _rules(*kinds: tuple[str, ...]) -> Rules:
    """Of each kind its placeholder, one word that is no keyword, and what it stands for."""
    return tuple(
        (re.compile(expression, re.IGNORECASE), placeholder)
        for placeholder, *expressions in kinds
        for expression in expressions
    )


# In this order: what contains other kinds comes before them.
_NAMES = _rules(
    ("<url>", r"\b[a-z][a-z0-9+.-]{1,30}://[^\s\"'<>`]*[^\s\"'<>`.,:;!?)\]}]"),
    (
        "<user>",
        r"(?:(?<=\bfor user )|(?<=\binvalid user )|(?<=\bpassword for ))(?!(?:id|input|name)\b)"
        r"[\w.-]{1,64}(?= from\b| by\b| \[)",
        r"(?:(?<=opened for user )|(?<=closed for user ))[\w.-]{1,64}$",
        r"(?<=\buser=)[\w.-]{1,64}(?=,? |$)",
    ),
    ("<address>", r"(?<=^fatal: \[)[\w.-]{1,253}(?=\])", r"(?<=\brhost=)[\w.-]{1,253}"),
    ("<email>", rf"(?<![\w.+-])[\w.+-]{{1,64}}@{_HOST}(?:\.{_HOST}){{1,8}}(?![\w-])"),
)
_WITH_DIGITS = _rules(
    ("<time>", *_TIMES),
    ("<uuid>", r"(?<![a-z0-9])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![a-z0-9])"),
    (
        "<id>",
        r"(?<![a-z0-9])(?=[a-z]{0,25}\d)[0-7][0-9a-hjkmnp-tv-z]{25}(?![a-z0-9])",
        # Of a pod, behind the name of its deployment: the letters that Kubernetes takes for both parts.
        r"(?<=[a-z0-9]-)[b-df-hj-np-tv-z0-9]{8,10}-[b-df-hj-np-tv-z0-9]{5}(?![a-z0-9-])",
        r"(?<=request id: )\w{8,64}|(?<=requestid: )\w{8,64}|(?<=host id: )\S{8,128}",
    ),
    ("<hash>", r"\b(?:md5|sha1|sha224|sha256|sha384|sha512)[:-](?:[0-9a-f]{16,}\b|[\w+/]{20,}={0,2})"),
    (
        "<address>",
        # With the name that a server looked up for it, in front or behind.
        rf"(?<![\w.-]){_HOST}(?:\.{_HOST}){{1,8}} ?\[(?:\d{{1,3}}\.){{3}}\d{{1,3}}\](?::\d{{1,5}})?",
        r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?(?::\d{1,5})?(?!\w|\.\w)"
        r"(?: \((?:[\w-]{1,63}\.[\w.-]{1,253})?\))?",
        r"(?<![\w:-])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![\w:-])",
        r"(?<![\w:.])\[?(?=[a-f:]{0,39}\d)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w{1,15})?"
        r"(?:\]:\d{1,5}|\]|/\d{1,3})?(?![\w:])",
        rf"(?<![\w.-])(?:localhost|(?:{_HOST}\.){{1,8}}(?!(?:{_SOURCES}):){_HOST}):\d{{2,5}}(?!\w|:\d)",
    ),
    ("<temporary>", r"(?<![a-z0-9])tmp(?:\.[a-z0-9]{6,12}|(?=[a-z_]{0,8}\d)[a-z0-9_]{8})(?![a-z0-9])"),
)
_PATHS = tuple(
    re.compile(expression, re.IGNORECASE)
    for expression in (
        # Between quotes a path may have spaces, but not before an option, as in a command. Without a drive, a server or
        # dots, a backslash begins an escape.
        r"(?<=[\"'`\u2018])(?:(?:[a-z]:|~|\.{1,2})[\\/]|/|\\{2,4}(?=\w))(?:[^\"'`\u2019\n -]|(?! -)[ -])*"
        r"(?=[\"'`\u2019])",
        r"(?<!\w)[a-z]:(?:\\{1,2}|/)(?:[^\\/:*?\"'<>|\n]{1,80}[\\/]{1,2})*[\w.@+$~-]*",
        r"(?<![\w.<>\\])(?:(?:~\w{0,32}|\.{1,2})[\\/]|/|\\\\(?=\w))(?:\\ |<\w{2,9}>|[\w.@+=,#~$%/\\-])+(?<![.,])",
    )
)
_NUMBERS = re.compile(f"(?P<code>{_CODE})|(?P<amount>{_AMOUNT})|{_NUMBER}", re.IGNORECASE)

_SEVERAL = re.compile(r"(<\w{2,9}>)(?:(?:,? (?:and )?|,)(?:\1|\(\1\)))+")  # 1 min 3 s is as much as 3 s

_DIGIT = re.compile(r"\d")
# Where the last name of a path is what is missing, refused, or did not succeed. What is all in quotes is a key.
_NAMES_A_FILE = re.compile(
    r"no such file|not found|cannot find|can't find|not exist|n't exist|\bmissing\b|ENOENT"
    r"|\bforbidden\b|permission denied|EACCES|\bcommand\b|\bprocess\b|\*\*\*|\bexec\b"
    r"|^(?:KeyError: )?(?:'[^'\n]*'|\"[^\"\n]*\")$",
    re.IGNORECASE,
)
_LAST_NAME = re.compile(r"[\\/](?!<|tmp[a-z0-9_]{8}(?![a-z0-9_]))([^\\/]{1,80})[\\/]*$", re.IGNORECASE)


def without_escapes(text: str) -> str:
    """The text without what colours it on a terminal."""
    return _ESCAPES.sub("", text)


LONGEST_LINE = 10_000
"""How many characters of a line count: behind them is data that was printed with the failure."""


def normalised(line: str) -> str:
    """The line with placeholders for what differs between two occurrences of one failure."""
    line = " ".join(line[:LONGEST_LINE].split())
    for expression, placeholder in _NAMES + (_WITH_DIGITS if _DIGIT.search(line) else ()):
        line = expression.sub(placeholder, line)
    names_a_file = _NAMES_A_FILE.search(line) is not None
    for expression in _PATHS:
        line = expression.sub(_last_name if names_a_file else "<path>", line)
    return _SEVERAL.sub(r"\1", _NUMBERS.sub(_placeholder_of_number, line))


def _last_name(path: re.Match[str]) -> str:
    name = _LAST_NAME.search(path[0])
    return f"<path> {name[1]}" if name else "<path>"


def _placeholder_of_number(number: re.Match[str]) -> str:
    return number["code"] or ("<amount>" if number["amount"] else "<number>")


_LEVEL = (
    "(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|PANIC)"
    r"(?:/\w[\w-]{0,40}(?=\]))?"  # with the process of a worker, as Celery has it
)
_PROGRAM = r"[\w./-]{1,80}(?:\([\w-]{1,40}\))?"
_LOG_TIME = rf"(?i:{_ISO_TIME}|{_CLOCK}|\d{{1,2}}/{_MONTH}/\d{{4}}:{_CLOCK}|\d\d[.-]\d\d {_CLOCK}|\d{{6}} \d{{6}})"
# A thread or a module, but not a code, a key, or pip's word for the end.
_IN_BRACKETS = (
    r"\[(?!(?:Errno|WinError) |['\"]|[A-Z]{1,6}-?\d{1,6}\]|end of output\])"
    r"(?:[^\[\]\n]|\[[^\[\]\n]{0,80}\]){0,80}\]"
)
_BEHIND_LOG_TIME = (
    rf"(?:[\s|,-]{{0,8}}(?:{_IN_BRACKETS}|\(\d{{1,10}}\)(?=[\s|,-]{{1,8}}(?:{_LEVEL}\b|\[)))"
    rf"|[\s|:,-]{{0,8}}(?:{_LEVEL}\b|##\[\w{{1,12}}(?=\])"
    rf"|[\w.:-]{{1,253}}(?= {_PROGRAM}\[\d{{1,10}}\]: )"  # the host, in front of a program and its process
    rf"|\d{{1,10}}(?=[\s:]{{1,4}}(?:\d{{1,10}}[\s:]{{1,4}})?(?:{_LEVEL}\b|\[))))"
)
_SEPARATORS = r"(?: {0,8}(?:[|:,]|-(?=\s))){1,3}"
_LOG_PREFIX = re.compile(
    r"[ \t]*(?:[\w.-]{1,64}[_-]\d{1,4} +\| )?"  # of Docker Compose
    rf"(?:[IWEF]\d{{4}} {_CLOCK} +\d{{1,10}} [\w.-]{{1,80}}:\d{{1,6}}\] "  # of glog and klog
    # Of RFC 5424, up to its structured data.
    rf"|<\d{{1,3}}>\d{{1,2}} (?i:{_ISO_TIME}) \S{{1,255}} \S{{1,48}} \S{{1,128}} \S{{1,32}} "
    r"(?:-|(?:\[[^\]\n]{0,500}\]){1,9}) "
    # Of syslog: the host goes, and the number of the process; its name stays.
    rf"|(?:<\d{{1,3}}>)?(?i:{_SYSLOG_TIME}) (?:[\w.:-]{{1,253}} (?={_PROGRAM}(?:\[\d{{1,10}}\])?: ))?"
    # Where nothing but a time is in front, one blank is: more of them indent the line.
    rf"|(?:(?:[\[(]?{_LOG_TIME}[\])]?|\[(?i:{_SYSLOG_TIME})\])(?: std(?:out|err) [FP]\b)?"
    rf"(?:(?={_BEHIND_LOG_TIME})|(?!{_BEHIND_LOG_TIME})(?:(?: ?(?:[|:,]|-(?=\s))){{1,3}}[ \t]?|[ \t]|$))"
    rf"|(?=\[?{_LEVEL}\b(?! {{0,8}}\d)))"
    rf"(?:\[?{_BEHIND_LOG_TIME}{{1,6}}\]?(?:{_SEPARATORS} {{0,8}}| {{1,8}}|\t|$|(?<=\])))?)?"
)


def split_log_prefix(line: str) -> tuple[str, str]:
    """What a log puts in front of the line: time, host, level, process, thread; and the line itself.

    The name of the logger, or of the program, belongs to the line.
    """
    prefix = _LOG_PREFIX.match(line)
    if prefix is None or prefix[0].isspace():
        return "", line
    return prefix[0], line[prefix.end() :]


_PROGRAM_IN_FRONT = re.compile(rf"{_PROGRAM}\[\d{{1,10}}\]: ")


def without_program(line: str) -> str:
    """The line without the program and its process that syslog and journals put in front of it."""
    program = _PROGRAM_IN_FRONT.match(line)
    return line[program.end() :] if program else line


def without_log_prefix(line: str) -> str:
    """The line without what a log puts in front."""
    return split_log_prefix(line)[1]
