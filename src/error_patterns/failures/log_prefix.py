"""The prefix of a log line: time, host, level, process and thread. Pure, total, linear time."""

import re

from error_patterns.failures.timestamps import CLOCK, ISO_TIME, MONTH, SYSLOG_TIME

_LEVEL = (
    "(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|PANIC)"
    r"(?:/\w[\w-]{0,40}(?=\]))?"  # with the worker of Celery
)
_PROGRAM = r"[\w./-]{1,80}(?:\([\w-]{1,40}\))?"
_LOG_TIME = rf"(?i:{ISO_TIME}|{CLOCK}|\d{{1,2}}/{MONTH}/\d{{4}}:{CLOCK}|\d\d[.-]\d\d {CLOCK}|\d{{6}} \d{{6}})"
# A thread or a module; not an error code, a key, or the end mark of pip.
_IN_BRACKETS = (
    r"\[(?!(?:Errno|WinError) |['\"]|[A-Z]{1,6}-?\d{1,6}\]|end of output\])"
    r"(?:[^\[\]\n]|\[[^\[\]\n]{0,80}\]){0,80}\]"
)
_AFTER_TIME = (
    rf"(?:[\s|,-]{{0,8}}(?:{_IN_BRACKETS}|\(\d{{1,10}}\)(?=[\s|,-]{{1,8}}(?:{_LEVEL}\b|\[)))"
    rf"|[\s|:,-]{{0,8}}(?:{_LEVEL}\b|##\[\w{{1,12}}(?=\])"
    rf"|[\w.:-]{{1,253}}(?= {_PROGRAM}\[\d{{1,10}}\]: )"  # the host, in front of a program and its process
    rf"|\d{{1,10}}(?=[\s:]{{1,4}}(?:\d{{1,10}}[\s:]{{1,4}})?(?:{_LEVEL}\b|\[))))"
)
_SEPARATORS = r"(?: {0,8}(?:[|:,]|-(?=\s))){1,3}"
_LOG_PREFIX = re.compile(
    r"[ \t]*(?:[\w.-]{1,64}[_-]\d{1,4} +\| )?"  # of Docker Compose
    rf"(?:[IWEF]\d{{4}} {CLOCK} +\d{{1,10}} [\w.-]{{1,80}}:\d{{1,6}}\] "  # of glog and klog
    # Of RFC 5424, up to its structured data.
    rf"|<\d{{1,3}}>\d{{1,2}} (?i:{ISO_TIME}) \S{{1,255}} \S{{1,48}} \S{{1,128}} \S{{1,32}} "
    r"(?:-|(?:\[[^\]\n]{0,500}\]){1,9}) "
    # Of syslog: the host belongs to the prefix, the program does not.
    rf"|(?:<\d{{1,3}}>)?(?i:{SYSLOG_TIME}) (?:[\w.:-]{{1,253}} (?={_PROGRAM}(?:\[\d{{1,10}}\])?: ))?"
    # A time alone ends with one blank: more of them indent the line.
    rf"|(?:(?:[\[(]?{_LOG_TIME}[\])]?|\[(?i:{SYSLOG_TIME})\])(?: std(?:out|err) [FP]\b)?"
    rf"(?:(?={_AFTER_TIME})|(?!{_AFTER_TIME})(?:(?: ?(?:[|:,]|-(?=\s))){{1,3}}[ \t]?|[ \t]|$))"
    rf"|(?=\[?{_LEVEL}\b(?! {{0,8}}\d)))"
    rf"(?:\[?{_AFTER_TIME}{{1,6}}\]?(?:{_SEPARATORS} {{0,8}}| {{1,8}}|\t|$|(?<=\])))?)?"
)
_PROGRAM_PREFIX = re.compile(rf"^{_PROGRAM}\[\d{{1,10}}\]: ")


def split_log_prefix(line: str) -> tuple[str, str]:
    """Split a line into the prefix of a log (time, host, level, process, thread) and the rest.

    The name of the logger, or of the program, belongs to the rest.
    """
    prefix = _LOG_PREFIX.match(line)
    if prefix is None or prefix[0].isspace():
        return "", line
    return prefix[0], line[prefix.end() :]


def strip_program(line: str) -> str:
    """Remove the program and its process id, which syslog and journals put in front of a line."""
    return _PROGRAM_PREFIX.sub("", line)
