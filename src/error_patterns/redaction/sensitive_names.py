"""Names that announce a secret, such as `api_key` and `DB_PASSWORD`. In linear time."""

from typing import Final

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

NAME: Final = rf"(?<![\w./-])(?<!\[redacted\])(?=[\w.-]*{_END}(?![\w.-]))(?!{_HARMLESS_NAME})(?P<name>[\w.-]++)"
"""An expression for a sensitive name, in the group `name`. Expressions that contain it ignore case.

Most values are harmless where the group `ambiguous` matches: `session_id`, `auth`, `?key=`. Many are where `phrase`
matches, as prose uses these words too: `api key`, and `_auth` of npm.
"""
