"""Stack traces as what they are: which exceptions there were, and through which functions. Pure, total, linear time.

Of Python, the JVM, JavaScript, .NET, Go and Rust. The functions of the platform do not count if there are others:
those of a standard library or of a test runner differ between versions where the failure is the same. Each function
counts once, as the depth of a recursion differs from run to run.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from error_patterns.failures.normalisation import without_log_prefix


class Stack(NamedTuple):
    """An exception or a panic, with the functions that it came through.

    Attributes:
        line: The line that names it, without what a log puts in front.
        kind: The type of the exception as the line has it; "panic" in Go and Rust.
        message: What stands behind the type on that line.
        details: What tells one such failure from another, and stands on other lines.
        functions: The functions that count, in the order of the trace.
    """

    line: str
    kind: str
    message: str
    details: tuple[str, ...]
    functions: tuple[str, ...]


class _Frame(NamedTuple):
    function: str
    of_platform: bool


def stacks_of(text: str) -> list[Stack]:
    """The stacks of a text, the one that the program ended with last, without those that are cut off."""
    lines = text.splitlines()
    return next(filter(None, (read(lines) for read in (_python, _exception_first, _go, _rust))), [])


def _that_count(frames: Iterable[_Frame]) -> tuple[str, ...]:
    frames = list(frames)
    own = [frame for frame in frames if not frame.of_platform]
    return tuple(dict.fromkeys(frame.function for frame in own or frames))


def has_frames(text: str) -> bool:
    """Whether a line of the text is that of a frame in a traceback of Python."""
    return any(map(_PYTHON_FRAME.search, text.splitlines()))


# Python, also behind the prefix of a log, indented in what another program prints, or in an exception group.
_PYTHON_FRAME = re.compile(r'File "(?P<file>[^"\n]*)", line \d+(?:, in (?P<function>\S.*))?$')
_MEMBER = re.compile(r"(?P<indent> *(?:\+-)?)\+-{2,} (?:\d+|\.{3}) -+$")
_RAISED = re.compile(r"(?P<kind>[^\W\d](?:[\w.]|<locals>)*)(?::(?: (?P<message>.*))?)?$")
_PYTHON_LIBRARY = re.compile(
    r"^<frozen |^PYTHON_LIB:"  # as friendly-traceback calls it
    r"|[\\/]lib(?:64)?[\\/](?:python|pypy)\d[\d.]*[\\/]|[\\/]python[\d.-]*[\\/]lib[\\/]|[\\/]python\d+\.zip\b",
    re.IGNORECASE,
)
# Python 3.12 shows no frames for these.
_COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>"}
_DIGIT = re.compile(r"\d")


def _python(lines: Sequence[str]) -> list[Stack]:
    found: list[Stack] = []
    frames: list[_Frame] = []
    lead: str | None = None  # what stands in front of the exception that is waited for
    source = ""
    for number, line in enumerate(lines):
        if frame := _PYTHON_FRAME.search(line):
            lead = _DIGIT.sub("0", line[: frame.start()].removesuffix("  "))
            if frame["function"] is None:
                source = lines[number + 1].strip() if number + 1 < len(lines) else ""
            elif frame["function"] not in _COMPREHENSIONS:
                of_library = bool(_PYTHON_LIBRARY.search(frame["file"])) and "-packages" not in frame["file"]
                frames.append(_Frame(frame["function"], of_library))
        elif member := _MEMBER.match(line):
            lead, frames = f"{' ' * member.end('indent')}| ", []
        elif (
            lead is not None
            and _DIGIT.sub("0", line[: len(lead)]) == lead
            and (raised := _RAISED.match(line, len(lead)))
        ):
            message = raised["message"] or ""
            after = (following[len(lead) :] for following in lines[number + 1 : number + _MOST_DETAILS])
            details = [source] if source else _fields(message, after)
            found.append(Stack(raised[0], raised["kind"], message, tuple(details), _that_count(frames)))
            lead, frames, source = None, [], ""
    return found


_MOST_DETAILS = 300  # lines
_VALIDATION = re.compile(r"\d+ validation errors? for ")
_BROKEN_RULE = re.compile(r" .*[\[(]type=([\w.]{1,100})")


def _fields(message: str, lines: Iterable[str]) -> Iterator[str]:
    """The fields in which pydantic found errors, and which rules these break."""
    if _VALIDATION.match(message):
        told = (line for line in lines if not line.startswith("    For further information"))
        for field, rule in zip(told, told, strict=False):  # each takes the next line
            broken = _BROKEN_RULE.match(rule)
            if broken is None or field.startswith(" "):
                return
            yield from (field, broken[1])


# The JVM, JavaScript and .NET name the exception first, and then its frames.
_THROWN = re.compile(
    r"(?:Exception in thread \"[^\"\n]*\" |Caused by: |Suppressed: |Unhandled exception[.:] |Uncaught |---> ){0,3}"
    r"(?P<kind>[\w$./-]{1,500})(?: \[[\w-]{1,80}\])?(?::[ \t]*(?P<message>.*))?$"
)
_OF_AN_EXCEPTION = re.compile(r"Error|Exception|Throwable|Failure|Fault|Failed|Interrupt")
_AT = re.compile(r"[ \t]*at (?:async )?(?:new )?(?P<place>\S.*)$")
_JVM_PLACE = re.compile(
    r"(?:[^\s(/]*/)*(?P<type>[\w.$]+)\.(?P<method>[^\s().][^().\n]*)"
    r"\((?:[^():\n]*:\d+|Native Method|Unknown Source|<generated>|[\w.$-]+)\)(?: ~?\[[^]\n]*\])?$"
)
_DOTNET_PLACE = re.compile(r"(?P<type>[\w.`+<>\[\],|]+)\.(?P<method>[\w`<>\[\],|]+)\([^()\n]*\)(?: in .*:line \d+)?$")
_JAVASCRIPT_PLACE = re.compile(r"(?:(?P<function>\S[^()\n]*) \()?(?P<file>[^()\n]*?)(?::\d+){1,2}\)?$|native\)?$")

_JVM_PLATFORM = tuple(
    "java. javax. jdk. sun. com.sun. kotlin. kotlinx. scala. junit. org.junit. org.testng. org.scalatest. "
    "org.gradle. worker.org.gradle. org.apache.maven. org.apache.tools.ant. org.eclipse. com.intellij. sbt. "
    "org.springframework.test.".split()
)
_DOTNET_PLATFORM = ("System.", "Microsoft.", "Xunit.", "NUnit.")
_JAVASCRIPT_PLATFORM = ("node:", "internal/", "(internal/", "native", "<anonymous>")
# What compilers and class loaders make up, and number anew: lambdas, anonymous classes, proxies, closures.
_MADE_UP = re.compile(
    r"(?:lambda|\$anonfun)\$(?P<inside>\w+?)\$\d+|\$\$[^.]*|\$\d+|(?<=Proxy)\d+|(?<=Accessor)\d+|`\d+|\.<>c\w*|b__[\d_]+"
)


def _exception_first(lines: Sequence[str]) -> list[Stack]:
    found: list[Stack] = []
    thrown: re.Match[str] | None = None
    said: list[str] = []
    frames: list[_Frame] = []

    def close() -> None:
        if thrown is not None and frames:
            found.append(Stack(thrown[0], thrown["kind"], thrown["message"] or "", tuple(said), _that_count(frames)))
        said.clear()
        frames.clear()

    for line in map(without_log_prefix, lines):
        if (at := _AT.match(line)) and thrown is not None:
            frames += _placed(at["place"].rstrip(" [{,"))
        elif (named := _THROWN.match(line.strip())) and _OF_AN_EXCEPTION.search(unqualified(named["kind"])):
            close()
            thrown = named
        elif line.strip() and not frames and len(said) < _MOST_DETAILS:
            said.append(line)  # of a message of several lines
    close()
    return found[::-1]


def unqualified(name: str) -> str:
    """The name of a class without its package, module or outer class."""
    return re.split("[.$/]", name)[-1]


_HIDDEN_CLASS = re.compile(r"\$\$Lambda(?:\$\d+)?/(?:0x)?[0-9a-f]+")


def _placed(place: str) -> Iterator[_Frame]:
    place = _HIDDEN_CLASS.sub("", place)
    if jvm := _JVM_PLACE.match(place):
        function = f"{jvm['type']}.{jvm['method']}"
        yield _Frame(_as_written(function), function.startswith(_JVM_PLATFORM))
    elif dotnet := _DOTNET_PLACE.match(place):
        function = f"{dotnet['type']}.{dotnet['method']}"
        yield _Frame(_as_written(function), function.startswith(_DOTNET_PLATFORM))
    elif script := _JAVASCRIPT_PLACE.match(place):
        file = script["file"] or "native"
        yield _Frame(script["function"] or "<anonymous>", file.startswith(_JAVASCRIPT_PLATFORM))


def _as_written(function: str) -> str:
    return _MADE_UP.sub(lambda made_up: made_up["inside"] or "", function)


_GO_PANIC = re.compile(r"(?P<kind>panic|fatal error): (?P<message>.*)$")
_GO_FUNCTION = re.compile(r"(?P<function>[\w./*()·%-]+?)\((?:[^()\n]*|\.\.\.)\)$")
_GO_PLATFORM = ("runtime.", "runtime/", "testing.", "reflect.", "net/", "sync.", "os.", "io.", "internal/", "panic")


def _go(lines: Sequence[str]) -> list[Stack]:
    panic: re.Match[str] | None = None
    frames: list[_Frame] = []
    goroutines = 0
    for line, following in itertools.pairwise([*map(without_log_prefix, lines), ""]):
        if panic is None:
            panic = _GO_PANIC.match(line)
        elif line.startswith("goroutine "):
            goroutines += 1
        elif goroutines == 1 and following[:1].isspace() and (called := _GO_FUNCTION.match(line)):
            frames.append(_Frame(called["function"], called["function"].startswith(_GO_PLATFORM)))
    if panic is None or not goroutines:
        return []
    message = panic["message"].removesuffix(" [recovered]")
    return [Stack(panic[0], "panic", message, (), _that_count(frames))]


_RUST_PANIC = re.compile(r"thread '[^'\n]*' (?:\(\d+\) )?panicked at (?:'(?P<message>.*)', )?[^\s']+:\d+:\d+:?$")
_RUST_FUNCTION = re.compile(r"[ \t]*\d+: (?:0x[0-9a-f]+ - )?(?P<function>\S.*?)(?:::h[0-9a-f]{16})?$")
_RUST_PLATFORM = ("std::", "core::", "alloc::", "<core::", "<alloc::", "<std::", "rust_", "__rust", "__libc", "_start")


def _rust(lines: Sequence[str]) -> list[Stack]:
    panic: re.Match[str] | None = None
    message = ""
    frames: list[_Frame] = []
    for line, following in itertools.pairwise([*map(without_log_prefix, lines), ""]):
        if panic is None:
            panic = _RUST_PANIC.match(line)
            if panic is not None:
                message = panic["message"] or following
        elif called := _RUST_FUNCTION.match(line):
            frames.append(_Frame(called["function"], called["function"].startswith(_RUST_PLATFORM)))
    return [] if panic is None else [Stack(message, "panic", message, (), _that_count(frames))]
