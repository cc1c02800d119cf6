"""One canonical form for messages that differ between versions of Python. Pure, total, linear time.

The changes are from CPython's "What's New" of 3.8 to 3.14. Parts that an older version leaves out are not guessed.
"""

import re

_EXCEPTION = re.compile(r"(?P<kind>(?:[^\W\d]\w{0,100}\.){0,20}[A-Z]\w{0,100}): (?P<message>.*)$")
# A hint of the interpreter, up to the end of the line. Newer versions print more hints.
_HINT = re.compile(
    r"(?i)[.;,]? (?:(?:Did you (?:mean|forget)|Perhaps you forgot|Maybe you meant)\b"
    r"|\((?:most likely due to a circular import|unknown location|consider renaming ')).*"
)

_OLDER_FORMS = tuple(
    (re.compile(newer), older)
    for newer, older in (
        # 3.10 qualifies the names of functions. The class of a constructor stays.
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


def canonical_line(line: str) -> str:
    """Return a line in canonical form: an exception with its canonical message, any other line without hints."""
    exception = _EXCEPTION.match(line)
    return f"{exception['kind']}: {canonical_message(exception['message'])}" if exception else _HINT.sub("", line)


def canonical_message(message: str) -> str:
    """Return the message of an exception as the oldest version of Python prints it, without hints."""
    message = _HINT.sub("", message)
    for newer, older in _OLDER_FORMS:
        message = newer.sub(older, message)
    return message
