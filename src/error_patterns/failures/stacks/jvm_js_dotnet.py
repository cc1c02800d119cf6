"""Stack traces of the JVM, JavaScript and .NET, which name the exception first, and then its frames.

In lines without what a log puts in front.
"""

import re
from collections.abc import Iterator, Sequence

from error_patterns.failures.stacks.base import MOST_DETAILS, Frame, Stack, functions_that_count

_THROWN = re.compile(
    r"(?:Exception in thread \"[^\"\n]*\" |Caused by: |Suppressed: |Unhandled exception[.:] |Uncaught |---> "
    r"|\[cause\]: ){0,3}"
    r"(?P<kind>[\w$./-]{1,500})(?: \[[\w-]{1,80}\])?(?::[ \t]*(?P<message>.*))?$"
)
_OF_AN_EXCEPTION = re.compile(r"Error|Exception|Throwable|Failure|Fault|Failed|Interrupt")
_MEMBER = re.compile(r"[ \t]*(?:\[errors\]: \[ )?\[[\w.]{0,80}Error: ")  # of an AggregateError, without frames
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


def thrown_stacks(lines: Sequence[str]) -> list[Stack]:
    """The exceptions, the first cause before the one that the program ended with."""
    found: list[Stack] = []
    thrown: re.Match[str] | None = None
    said: list[str] = []
    frames: list[Frame] = []

    def close() -> None:
        if thrown is not None and frames:
            functions = functions_that_count(frames)
            found.append(Stack(thrown[0], thrown["kind"], thrown["message"] or "", tuple(said), functions))
        said.clear()
        frames.clear()

    for line in lines:
        if (at := _AT.match(line)) and thrown is not None:
            frames += _placed(at["place"].rstrip(" [{,"))
        elif (named := _THROWN.match(line.strip())) and _OF_AN_EXCEPTION.search(unqualified(named["kind"])):
            close()
            thrown = named
        elif line.strip() and (not frames or _MEMBER.match(line)) and len(said) < MOST_DETAILS:
            said.append(line)  # of a message of several lines
    close()
    return found[::-1]


def unqualified(name: str) -> str:
    """The name of a class without its package, module or outer class."""
    return re.split("[.$/]", name)[-1]


_HIDDEN_CLASS = re.compile(r"\$\$Lambda(?:\$\d+)?/(?:0x)?[0-9a-f]+")


def _placed(place: str) -> Iterator[Frame]:
    place = _HIDDEN_CLASS.sub("", place)
    if jvm := _JVM_PLACE.match(place):
        function = f"{jvm['type']}.{jvm['method']}"
        yield Frame(_as_written(function), function.startswith(_JVM_PLATFORM))
    elif dotnet := _DOTNET_PLACE.match(place):
        function = f"{dotnet['type']}.{dotnet['method']}"
        yield Frame(_as_written(function), function.startswith(_DOTNET_PLATFORM))
    elif script := _JAVASCRIPT_PLACE.match(place):
        file = script["file"] or "native"
        yield Frame(script["function"] or "<anonymous>", file.startswith(_JAVASCRIPT_PLATFORM))


def _as_written(function: str) -> str:
    return _MADE_UP.sub(lambda made_up: made_up["inside"] or "", function)
