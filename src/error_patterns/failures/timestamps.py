"""Regular expressions for the times that logs and tools print. They ignore case."""

MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    "nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = "(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_OFFSET = r"[+-]\d\d:?\d\d"
_ZONE = (
    rf"(?: ?(?:z|(?:utc|gmt)(?:{_OFFSET})?|[ecmp][sd]t|cet|cest|bst|ist|jst|{_OFFSET})\b)?"
    r"(?: \((?:utc|[a-z ]{1,40} time)\))?"  # as JavaScript names it
)
CLOCK = rf"\d{{1,2}}:\d\d(?:(?::\d\d(?:[.,]\d{{1,9}})?)(?: ?[ap]m\b)?{_ZONE}|(?: ?[ap]m\b){_ZONE})"
_CLOCK_OR_MINUTE = rf"(?:{CLOCK}|\d\d:\d\d{_ZONE})"
ISO_TIME = rf"\d{{4}}[-/.]\d\d[-/.]\d\d(?:[t_ -]{{1,3}}{_CLOCK_OR_MINUTE})?"
SYSLOG_TIME = rf"{_WEEKDAY}{MONTH} {{1,2}}\d{{1,2}},? (?:\d{{4}},? )?(?:{CLOCK})(?: \d{{4}})?"
TIMES = (
    rf"(?<![\w.]){ISO_TIME}(?![\w])",
    rf"\b{SYSLOG_TIME}(?!\w)",
    # RFC 822 and 850 write the year with two digits.
    rf"\b{_WEEKDAY}\d{{1,2}}[ /-]{MONTH}[ /-](?:\d{{4}}(?:[ :t]{_CLOCK_OR_MINUTE})?|\d\d {_CLOCK_OR_MINUTE})(?!\w)",
    rf"\b{_WEEKDAY}{MONTH} \d{{1,2}}, \d{{4}}\b",
    rf"(?<![\w/])\d{{1,2}}([/.])\d{{1,2}}\1\d{{4}}(?:,? (?:{CLOCK}))?(?![\w./])",
    rf"\b(?:\d{{8}}t|(?:19|20)\d{{6}} )\d{{6}}(?:\.\d{{1,9}})?(?:z|{_OFFSET})?(?!\w)",
    r"\bdatetime\.(?:date|datetime|time)\(\d{1,4}(?:, \d{1,6}){1,6}(?:, tzinfo=[\w.]{1,60}(?:\([^()\n]{0,60}\))?)?\)",
    rf"(?<![\w.:]){CLOCK}(?![\w:])",
)
