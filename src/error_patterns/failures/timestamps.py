"""Regular expressions for the times that logs and tools print. They ignore case."""

MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    "nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = "(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_ZONE = r"(?: ?(?:z|utc|gmt|[ecmp][sd]t|cet|cest|bst|ist|jst|[+-]\d\d:?\d\d)\b)?"
CLOCK = rf"\d{{1,2}}:\d\d(?:(?::\d\d(?:[.,]\d{{1,9}})?)(?: ?[ap]m\b)?{_ZONE}|(?: ?[ap]m\b){_ZONE})"
ISO_TIME = rf"\d{{4}}[-/.]\d\d[-/.]\d\d(?:[t_ -]{{1,3}}(?:{CLOCK}|\d\d:\d\d{_ZONE}))?"
SYSLOG_TIME = rf"{_WEEKDAY}{MONTH} {{1,2}}\d{{1,2}},? (?:\d{{4}},? )?(?:{CLOCK})(?: \d{{4}})?"
TIMES = (
    rf"(?<![\w.]){ISO_TIME}(?![\w])",
    rf"\b{SYSLOG_TIME}(?!\w)",
    rf"\b{_WEEKDAY}\d{{1,2}}[ /-]{MONTH}[ /-]\d{{4}}(?:[ :t](?:{CLOCK}))?(?!\w)",
    rf"\b{MONTH} \d{{1,2}}, \d{{4}}\b",
    rf"(?<![\w/])\d{{1,2}}([/.])\d{{1,2}}\1\d{{4}}(?:,? (?:{CLOCK}))?(?![\w./])",
    r"\b\d{8}t\d{6}(?:\.\d{1,9})?z?\b",
    rf"(?<![\w.:]){CLOCK}(?![\w:])",
)
