"""One wording for what versions of Python say in different ways. Pure, total, linear time.

From CPython's "What's New" of 3.8 to 3.14. What an older version leaves out altogether is not guessed.
"""

import re

# What begins a hint of the interpreter, which newer versions give more of, up to the end of the line.
_HINT = re.compile(
    r"[.;,]? (?:(?:Did you (?:mean|forget)|Perhaps you forgot|Maybe you meant)\b"
    r"|\((?:most likely due to a circular import|unknown location|consider renaming ')).*",
    re.IGNORECASE,
)

_WORDINGS = tuple(
    (re.compile(old), new)
    for old, new in (
        # 3.10 names a function with its class and the function around it. A class whose constructor it is stays.
        (r"(?<![\w.<>])(?:[\w<>]{1,200}\.){1,20}(?=[\w<>]{1,200}\.__init__\(\) )", ""),
        (r"(?<![\w.<>])(?:[\w<>]{1,200}\.){1,20}(?!__init__\()(?=[\w<>]{1,200}\(\) )", ""),
        (  # 3.11
            r"cannot access (local|free) variable ('[^']{1,200}') where it is not associated with a value"
            r"( in enclosing scope)?",
            r"\1 variable \2 referenced before assignment\3",
        ),
        (r"^property ('[^']{1,200}') of '[^']{1,200}' object has no setter$", r"can't set attribute \1"),  # 3.11
        (r"^string indices must be integers, not '[^']{1,200}'$", "string indices must be integers"),  # 3.11
        (r"\bpartially initialized module '", "module '"),  # 3.8, before a hint
        (r"^cannot access submodule ('[^']{1,200}') of (module '[^']{1,200}')", r"\2 has no attribute \1"),  # 3.13
        (r"^(cannot import name '[^']{1,200}' from )(?:module )?('[^']{1,200}')(?: \(.*\))?$", r"\1\2"),  # 3.7, 3.8
        (r"\bor a real number, not '", "or a number, not '"),  # 3.10
        (r"^(maximum recursion depth exceeded)\b.*", r"\1"),
        (r"^(too many values to unpack \(expected \d{1,9}), got \d{1,9}\)$", r"\1)"),  # 3.14
        (r"^(argument of type '[^']{1,200}' is not )a container or iterable$", r"\1iterable"),  # 3.14
        (r"^cannot use '[^']{1,200}' as a (?:dict key|set element) \((unhashable type: .*)\)$", r"\1"),  # 3.14
    )
)


_EXCEPTION = re.compile(r"(?P<kind>(?:[^\W\d]\w{0,100}\.){0,20}[A-Z]\w{0,100}): (?P<message>.*)$")


def reworded_line(line: str) -> str:
    """The line, reworded where it is an exception with its message, and otherwise without hints."""
    exception = _EXCEPTION.match(line)
    return f"{exception['kind']}: {reworded(exception['message'])}" if exception else _HINT.sub("", line)


def reworded(message: str) -> str:
    """The message of an exception as the oldest version of Python words it, without hints."""
    message = _HINT.sub("", message)
    for old, new in _WORDINGS:
        message = old.sub(new, message)
    return message
