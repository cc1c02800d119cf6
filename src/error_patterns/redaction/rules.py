r"""The rules of redaction: expressions for the places where a secret can stand in a failure text. In linear time.

A rule finds a secret by its shape (a token of a known service, a private key) or by its place (the password of a URL,
the value of `api_key=`). By place, a quoted value ends at its closing quote. An unquoted value ends at white space, or
at the delimiter before the next name. A function of `false_positives` judges each match.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from error_patterns.redaction.false_positives import is_assigned_secret, is_named_secret, is_no_word, is_random, is_real

_Judge = Callable[[re.Match[str]], bool]


@dataclass(frozen=True)
class Rule:
    """An expression whose group `secret` is hidden where `is_secret` accepts the match.

    Rules of one name belong together: callers switch them off by that name.
    """

    name: str
    expression: str
    is_secret: _Judge = is_real

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled on first use."""
        return re.compile(self.expression, re.MULTILINE)


# A name is sensitive by its end: `password_file` and `max_tokens` are not.
_END = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret|token|credentials?|client-key-data|(?:db|key|ssh|store)pass|[_-]pass|"
    r"[_-]key|api[.-]key|(?:(?<![^\W_])|bind|root)pw|rediscli_auth|oauth2-bearer|"
    r"(?:access|account|api|auth|encryption|license|master|private|secret|shared|signing|subscription)key|"
    r"(?<![\w.-])pass(?=[\"\'\\ ]{0,4}(?:=|:[ \t]?\\{0,4}[\"\']))|"
    r"(?P<ambiguous>(?<![^\W_])(?:(?<!rediscli_)(?<!\b_)auth|pat|psk|(?:asp\.net_|j|php)?sess(?:ion)?[_-]?id|"
    r"connect\.sid|tls\.key)|\.dockerconfigjson|(?<=[?&])(?:code|key))|"
    r"(?P<phrase>(?:(?<=access )|(?<=api )|(?<=private )|(?<=secret ))key|\b_auth))"
    r"(?:[_-]?(?:\d{1,3}|v\d|prod|production|staging|dev|test|live|old|new|value|hash|base|b64|base64|confirm|"
    r"confirmation|plain|primary|secondary|current))?"
)
# Keys of data, tokens of text, and exceptions about secrets. `PWD` is also the working directory of a shell.
_HARMLESS_NAME = (
    r"(?-i:(?:OLD)?PWD=[/~]|(?:\w+\.)*(?:Bad|Duplicate|Expired|Invalid|Missing|NoSuch|Unknown|Wrong)[A-Z]\w*: )|"
    r"[\w.-]*?(?<![^\W_])(?:(?:any|attribute|bad|blob|bucket|cache|candidate|child|column|"
    r"composite|config|conflict|context|correlation|data|dataset|dedup|dict|distribution|duplicate|end|entity|env|"
    r"event|feature|field|file|first|flag|foreign|group|hash|host|hot|i18n|idempotency|index|input|invalid|issue|item|"
    r"job|join|label|last|lookup|map|merge|message|metric|missing|natural|next|node|object|option|order|output|param|"
    r"modifier|parent|partition|prev|primary|project|property|public|query|range|record|redis|registry|resource|"
    r"result|routing|row|s3|search|settings?|shard|shortcut|sort|start|state|step|surrogate|tag|task|translation|"
    r"unique|unknown|user|wrong)[_-]key|(?:bos|cancel(?:lation)?|cls|continuation|current|end|eos|first|image|last|"
    r"mask|next|pad|page|prev|sep|special|start|stop|sync|unexpected|unk)[_-]?token|(?:forgot|lost)[_-]password|"
    r"(?:first|full|last|multi|second|single)[_-]pass)"
    r"(?![\w.-])"
)
# Most values are harmless where the group `ambiguous` matches: `session_id`, `auth`, `?key=`. Many are where `phrase`
# matches, as prose uses these words too: `api key`, and `_auth` of npm. Expressions with a name ignore case.
_NAME = rf"(?<![\w./-])(?<!\[redacted\])(?=[\w.-]*{_END}(?![\w.-]))(?!{_HARMLESS_NAME})(?P<name>[\w.-]++)"
# Quotes and commas can be part of an unquoted password. They end one only before a delimiter or a name.
_VALUE = (
    r"(?:\[(?=\\{0,8}[\"']))?+(?:[bfru]{0,2}(?P<quote>\\{0,8}(?:\"\"\"|'''|[\"'])))?+"
    r"(?P<secret>(?(quote)(?:(?!(?P=quote))(?:\\.|[^\\\n]))++"
    r"|(?![a-z_$][\w.]*+[(\[])[^\s\"'`,;&=:()\[\]{}<>|\\]"
    r"(?:(?!\\{0,8}[\"'`]{1,3}(?:[\s,;:.)\[\]}>&\\]|$)|[,;&](?:\s|$|[\w .-]{1,40}[=:]|[\w .-]{0,40}\[redacted))\S)*"
    r"(?<![)\]}>:.,;])))"
)
# The rest of a command: not another command, after a `;` or in a pipe.
_BEFORE_OPTION = r"(?:[^\n\\|;&]|\\\n?){0,120}?[ \t]"
_ARGUMENT = r"[\"']?(?P<secret>(?<=')[^'\n]+|(?<=\")[^\"\n]+|(?<![\"'])[^\s\"',]+)"
_AUTHORIZATION = r"(?i)authorization\\{0,8}[\"']?[ \t]*+[:=,][ \t]*+b?\\{0,8}[\"']?"


def _token(start: str, rest: str) -> str:
    # A search for an expression that begins with a literal is tens of times faster than for one with a lookbehind.
    return rf"(?P<secret>{start}(?<![\w-]{start}){rest})"


# By name, each with the function that judges its matches, unless that is `is_real`.
_EXPRESSIONS: Final[dict[str, tuple[str | tuple[str, _Judge], ...]]] = {
    # A key without an end is cut off: it is hidden to the end of the text, unless prose mentions its first line only.
    "private-key": (
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<secret>"
        r"(?:[^-]|-(?!----BEGIN ))*?(?=-----END [A-Z0-9 ]{0,40}PRIVATE KEY)|(?=[ \t]*+(?:\s|\\|[\w+/]{16}))(?s:.+))",
    ),
    "url-password": (
        # To the last `@` before the path. Only without one, a slash can be part of the password.
        r"://(?!\[)[^\s:/\"'<>`]{0,200}:(?P<secret>[^\s/?#\"'<>`]+)@",
        r"://(?!\[)[^\s:/\"'<>`]{0,200}:(?!\d{1,5}[/?#])"
        r"(?P<secret>[^\s\"'<>`@/?#]{0,100}[/?#][^\s\"'<>`]{0,200})@(?=[\w.-]{1,200}(?:[:/?\s]|$))",
        r"://(?P<secret>(?=[\w-]{0,40}\d)[\w-]{20,}+)@",
        r"(?:thin:|sqlplus[ \t]+(?:-\w{1,9}[ \t]+){0,3})[\w.-]{1,60}/(?P<secret>[^\s/@\"']{1,200})@",
        r":(?<=[\w.-]:)(?P<secret>[^\s\"'/]{1,200})@(?:tcp|unix)\(",
    ),
    "authorization": (
        _AUTHORIZATION + r"(?:bearer|basic|token|apikey|api-key|negotiate|ntlm|splunk|ssws|key)(?:\\?[ \t]++|%20)"
        r"(?!(?:authentication|credentials?|header|is|missing|not|realm|scheme|token|was)\b)(?P<secret>[^\s\"'`\\,;)\]}]+)",
        _AUTHORIZATION
        + r"(?P<secret>(?:digest|hawk|oauth|aws4-[\w-]{1,40})[ \t][^\n\\']+|(?=[^\s\"'\\]{0,40}\d)[^\s\"'\\$%{<]{8,})",
        r"[Bb](?<!\w.)(?i:earer)[ \t]+(?P<secret>(?=[\w.~+/=-]{0,40}\d)[\w.~+/=-]{12,})",
        r"[Bb]asic[ \t]+(?P<secret>(?=[A-Za-z+/]{0,60}\d)(?=[a-z\d+/]{0,60}[A-Z])(?=[A-Z\d+/]{0,60}[a-z])"
        r"(?:[\w+/]{4}){3,}(?:[\w+/]{4}|[\w+/]{3}=|[\w+/]{2}==)(?![\w+/=-]))",
        (r"AUTH (?:LOGIN|PLAIN) (?P<secret>[\w+/]{8,}={0,2})", is_random),
        r"> PASS (?<=^> PASS )(?P<secret>\S+)$",
        r"(?i)\(b?[\"'][\w-]{0,40}(?:key|password|secret|token)[\"'],[ \t]*b?[\"']"
        r"(?P<secret>(?=[a-z_]{0,99}[^a-z_\"'])[^\"'\n]+)[\"']\)",
    ),
    "cookie": (
        r"(?i)(?:cookie\\{0,8}[\"']?[ \t]*+[:=,][ \t]*+b?\\{0,8}[\"']?|--cookie[ =][\"']?)"
        r"(?P<secret>[\w!#$%.-]{1,100}=(?:(?<==)\"[^\"\n]*\"|[^\"'\n\\])+)",
        rf"curl{_BEFORE_OPTION}-b[ \t]*[\"']?(?P<secret>[\w.-]{{1,100}}=[^\"'\n]+)",
        r"(?i)cookies[\"']?[ \t]*+[:=][ \t]*+\{(?P<secret>[^{}\n]+)\}",
        r"<Cookie [\w.-]{1,100}=(?P<secret>\S+) for",
    ),
    "assignment": (
        # Most words are no names. A first look at what follows saves most of the time.
        (
            rf"(?i)(?<![\w.-])(?=[\w.-]++[\\\"'\]? \t]{{0,40}}+(?:[:=!]|(?<= )(?:is|was):? )){_NAME}\\{{0,8}}[\"']?\]?"
            rf"[ \t]*+(?P<sign>:=|=>|={{1,3}}|!==?|\??:(?!:)|(?<=\w)::(?= )|(?:is|was):?(?= ))"
            rf"[ \t]*+(?:[|>][+-]?\n[ \t]*+)?{_VALUE}",
            is_assigned_secret,
        ),
        (
            rf"(?i)\b(?:name|key)[\"']?[ \t]*+[:=][ \t]*+[\"']?{_NAME}[\"']?,?\s{{0,60}}[\"']?value[\"']?"
            rf"[ \t]*+(?P<sign>[:=])[ \t]*+{_VALUE}",
            is_assigned_secret,
        ),
        (rf"(?i)<{_NAME}>(?P<secret>[^<\n]+)</", is_named_secret),
        r"=\{(?i:(?<=\bpwd=\{))(?P<secret>[^{}\n]+)\}",
        r"[IPSWipsw](?<!\w\w)(?:(?<=P)ASSWORD(?=[ \t]+\\{0,8}')|(?i:(?<=i)dentified (?:with \S{1,60} )?by|"
        r"(?<=w)ith password|(?<=s)et password(?: for \S{1,100})? =(?: password\()?))"
        r"[ \t]*+(?P<quote>\\{0,8}[\"'])(?P<secret>(?:(?!(?P=quote))(?:[^\\\n]|\\.)|(?P=quote){2})+)(?P=quote)",
        r"IDENTIFIED BY[ \t]+(?P<secret>(?=[A-Za-z_]{1,40}\d)\w+)",
        r"(?:auth=|(?:Basic|Digest|Proxy)Auth|\.login|PSCredential)\([\"'][^\"'\n]{0,100}[\"'],[ \t]*[\"']"
        r"(?P<secret>[^\"'\n]+)",
        r"(?:Secret(?:Bytes|Str)\(b?|ConvertTo-SecureString (?:-String )?)[\"'](?P<secret>[^\"'\n]+)",
        r"login[ \t]+\S{1,100}[ \t]+password[ \t]+(?P<secret>\S+)",
        r"(?:machine[ \t]+\S{1,100}|default)\s{1,20}login[ \t]+\S{1,100}\s{1,20}password[ \t]+(?P<secret>\S+)",
        r"secret_id[\"']?[ \t]*+[:=][ \t]*+[\"']?(?P<secret>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
        r"(?:Unseal Key \d{1,2}: |::add-mask::)(?P<secret>[^\n]+)",
        r"(?:masterauth|requirepass|rootpw|bindpw)[ \t]+[\"']?(?P<secret>(?=[^\s\"']{0,40}\d)[^\s\"']+)",
    ),
    "option": (
        (
            rf"(?i)(?=--|-(?:pw|password|\w{{1,9}}pass)\b){_NAME}(?P<sign>[ \t]+|[\"'],[ \t]*(?=[\"'])){_VALUE}",
            is_assigned_secret,
        ),
        (
            rf"(?:ENV|ARG|setx(?:[ \t]+/[Mm])?|setenv|config(?:ure)? set)[ \t]+(?:\S{{1,100}}:)?"
            rf"(?i:{_NAME}(?P<sign>[ \t]+){_VALUE})",
            is_assigned_secret,
        ),
        r"-pass(?:in|out)?[ \t]+[\"']?pass:(?P<secret>[^\s\"']+)",
        (r"[ \t]/pass(?:word=|:)(?P<secret>[^\s\"']+)", is_no_word),
        r"echo[ \t]+(?:-n[ \t]+)?[\"']?(?:[\w.-]{1,60}:)?(?P<secret>[^\s\"'|]+)[\"']?[ \t]*\|[ \t]*"
        r"(?:(?:sudo )?chpasswd|sudo -S|[^\n|]{1,120} --password-stdin)",
        r"rabbitmqctl[ \t]+(?:add_user|change_password)[ \t]+\S{1,100}[ \t]+" + _ARGUMENT,
        r"m(?<!\w.)(?:ysql|ariadb)(?:[^\n\\]|\\\n?){0,120}?[ \t\"']-p" + _ARGUMENT,
        rf"(?:(?:sshpass|(?:az|cf|docker|helm registry|oc|podman) login|mongo\w{{0,8}}|twine upload){_BEFORE_OPTION}-p"
        rf"[ \t]*|(?:sqlcmd|bcp|zip|ipmitool){_BEFORE_OPTION}-P[ \t]+|ldap\w{{3,9}}{_BEFORE_OPTION}-w[ \t]+)(?!-)"
        + _ARGUMENT,
        r"redis-cli(?:[^\n\\]|\\\n?){0,120}? -a[ \t]+(?P<secret>[^\s]+)",
        r"curl(?:[^\n\\]|\\\n?){0,120}?[ \t\"'](?:-u|--(?:proxy-)?user)(?:[ \t=]|[\"'],[ \t])*[\"']?[^\s:\"']{1,100}:"
        r"(?P<secret>[^\s\"']+)",
    ),
    # Another name can stand before it: `jwt-eyJ…`.
    "jwt": (r"(?<![\w-])(?>[\w-]*?\b(?=eyJ))(?P<secret>[\w-]{11,}+\.[\w-]{8,}+(?:\.[\w-]*+){0,3})",),
    "aws": (
        *(_token(start, r"[A-Z0-9]{16}\b") for start in ("AKIA", "ASIA", "ABIA", "ACCA")),
        *(_token(start, r"[\w+/=%-]{16,}") for start in ("IQoJb3JpZ2lu", "FwoGZXIvYXdz")),
        r"(?i)x-(?:amz|goog)-(?:signature|credential|security-token)=(?P<secret>[^\s&\"']+)",
    ),
    "google": tuple(_token(start, r"[\w-]{20,}") for start in ("AIza", r"ya29\.", "GOCSPX-", "1//0")),
    "azure": (
        r"(?:Account|SharedAccess)Key=(?P<secret>[^\s;\"']+)",
        r"[?&]sig=(?P<secret>[^\s&\"']+)",
        r"(?P<secret>Q~(?<=(?<![\w.~-])\w{3}\dQ~)[\w.~-]{30,})",
    ),
    "github": (_token("gh", r"[pousr]_\w{16,}"), _token("github_pat_", r"\w{16,}")),
    "gitlab": (
        _token("gl", r"(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rtr?|soat|wt)-[\w-]{16,}+(?:\.\w{2,}+)*"),
        _token("GR1348941", r"[\w-]{16,}"),
    ),
    "slack": (
        _token("xox", r"[a-z](?:\.xox[a-z])?-[\w-]{10,}"),
        _token("xapp-", r"[\w-]{10,}"),
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[\w/-]+)",
    ),
    "stripe": (*(_token(f"{kind}k_", r"(?:live|test)_\w{10,}") for kind in "rs"), _token("whsec_", r"[\w+/=]{16,}")),
    "openai": (_token("sk-", r"(?!ant-)(?=[\w-]{0,40}\d)[\w-]{20,}"),),
    "anthropic": (_token("sk-ant-", r"[\w-]{16,}"),),
    "pypi": (_token("pypi-Ag", r"[\w-]{16,}"),),
    "npm": (_token("npm_", r"[A-Za-z0-9]{20,}"),),
    "hugging-face": (_token("hf_", r"[A-Za-z0-9]{20,}"),),
    "sendgrid": (_token(r"SG\.", r"[\w-]{16,}+\.[\w-]{16,}"),),
    "twilio": (_token("SK", r"[0-9a-f]{32}\b"),),
    "telegram": (r":(?P<secret>AA(?<=\d{6}:AA)[\w-]{30,})",),
    "discord": (
        r"(?P<secret>[MNO](?<![\w-].)(?=[\w-]{0,30}\d)[\w-]{22,30}\.[\w-]{6}\.[\w-]{27,})",
        r"discord(?:app)?\.com/api/webhooks/\d{1,30}/(?P<secret>[\w-]+)",
    ),
    "other-services": (
        r"(?<![\w-])(?P<secret>(?:AGE-SECRET-KEY-1|AT[AC]TT3|CFPAT-|dapi|dckr_[op]at_|do[opr]_v1_|dp\.[a-z]{2}\.|"
        r"figd_|f[mo][12]_|glsa_|gsk_|hv[bs]\.|key-(?=[0-9a-f]{32}\b)|lin_api_|lsv2_[a-z]{2}_|nfp_|ntn_|NRAK-|PMAK-|"
        r"pcsk_|phx_|pplx-|pul-(?=[0-9a-f]{40}\b)|r8_|rubygems_|sbp_|sb_secret_|sgp_|shp(?:at|ca|pa|ss)_|"
        r"sntry[su]_|sq0(?:atp|csp)-|tskey-|tvly-|xai-)(?=[\w-]{0,40}\d)[\w-]{20,}(?:=[0-9A-F]{8}\b)?)",
        r"\.atlasv1\.(?P<secret>[\w-]{20,})",
        r"(?:\.office(?:365)?\.com/webhook(?:b2)?|hooks\.zapier\.com/hooks/catch)/(?P<secret>[\w@/%-]+)",
    ),
}

RULES: Final = tuple(
    Rule(name, each) if isinstance(each, str) else Rule(name, *each)
    for name, expressions in _EXPRESSIONS.items()
    for each in expressions
)
"""All rules in the order in which they are applied: secrets that contain other secrets come first."""

REDACTION_RULES: Final = tuple(_EXPRESSIONS)
"""The names of the rules, in their order."""
