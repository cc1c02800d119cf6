"""Exceptions of the JVM, JavaScript and .NET, with the frames behind each, in lines without the prefix of a log."""

import itertools
import re
from collections.abc import Iterator, Sequence

from error_patterns.failures.stacks.base import MAX_DETAILS, Frame, Stack, relevant_functions

_THROWN = re.compile(
    r"(?:Exception in thread \"[^\"\n]*\" |Caused by: |Suppressed: |Unhandled exception[.:] |Uncaught |---> "
    r"|\[cause\]: ){0,3}"
    r"(?P<kind>[\w$./-]{1,500})(?: \[[\w-]{1,80}\])?(?::[ \t]*(?P<message>.*))?$"
)
_EXCEPTION_NAME = re.compile(r"Error|Exception|Throwable|Failure|Fault|Failed|Interrupt")
# Of an AggregateError, which prints no frames for its members.
_AGGREGATE_MEMBER = re.compile(r"[ \t]*(?:\[errors\]: \[ )?\[[\w.]{0,80}Error: ")
_FRAME_LINE = re.compile(r"[ \t]*at (?:async )?(?:new )?(?P<location>\S.*)$")
_JVM_LOCATION = re.compile(
    r"(?:[^\s(/]*/)*(?P<type>[\w.$]+)\.(?P<method>[^\s().][^().\n]*)"
    r"\((?:[^():\n]*:\d+|Native Method|Unknown Source|<generated>|[\w.$-]+)\)(?: ~?\[[^]\n]*\])?$"
)
_NET_LOCATION = re.compile(r"(?P<type>[\w.`+<>\[\],|]+)\.(?P<method>[\w`<>\[\],|]+)\([^()\n]*\)(?: in .*:line \d+)?$")
_JS_LOCATION = re.compile(r"(?:(?P<function>\S[^()\n]*) \()?(?P<file>[^()\n]*?)(?::\d+){1,2}\)?$|native\)?$")

_JVM_PLATFORM = tuple(
    "java. javax. jdk. sun. com.sun. kotlin. kotlinx. scala. junit. org.junit. org.testng. org.scalatest. "
    "org.gradle. worker.org.gradle. org.apache.maven. org.apache.tools.ant. org.eclipse. com.intellij. sbt. "
    "org.springframework.test.".split()
)
_DOTNET_PLATFORM = ("System.", "Microsoft.", "Xunit.", "NUnit.")
_JAVASCRIPT_PLATFORM = ("node:", "internal/", "(internal/", "native", "<anonymous>")
_HIDDEN_CLASS = re.compile(r"\$\$Lambda(?:\$\d+)?/(?:0x)?[0-9a-f]+")
# Lambdas, anonymous classes, proxies and closures, which compilers and class loaders number anew.
_GENERATED_NAME = re.compile(
    r"(?:lambda|\$anonfun)\$(?P<inside>\w+?)\$\d+|\$\$[^.]*|\$\d+|(?<=Proxy)\d+|(?<=Accessor)\d+|`\d+|\.<>c\w*|b__[\d_]+"
)


def parse_thrown_stacks(lines: Sequence[str]) -> list[Stack]:
    """Return the exceptions, the first cause before the exception that ended the program."""
    heads = {
        number: thrown
        for number, line in enumerate(lines)
        if (thrown := _THROWN.match(line.strip())) and _EXCEPTION_NAME.search(simple_name(thrown["kind"]))
    }
    stacks: list[Stack] = []
    for begin, end in itertools.pairwise([*heads, len(lines)]):
        details: list[str] = []
        frames: list[Frame] = []
        for line in lines[begin + 1 : end]:
            if frame := _FRAME_LINE.match(line):
                frames += _parse_location(frame["location"].rstrip(" [{,"))
            elif line.strip() and (not frames or _AGGREGATE_MEMBER.match(line)) and len(details) < MAX_DETAILS:
                details.append(line)  # of a message of several lines
        if frames:
            head, kind, message = heads[begin].group(0, "kind", "message")
            stacks.append(Stack(head, kind, message or "", tuple(details), relevant_functions(frames)))
    return stacks[::-1]


def simple_name(name: str) -> str:
    """Return the name of a class without its package, module or outer class."""
    return re.split("[.$/]", name)[-1]


def _parse_location(location: str) -> Iterator[Frame]:
    location = _HIDDEN_CLASS.sub("", location)
    for pattern, platform in ((_JVM_LOCATION, _JVM_PLATFORM), (_NET_LOCATION, _DOTNET_PLATFORM)):
        if method := pattern.match(location):
            name = f"{method['type']}.{method['method']}"
            stable_name = _GENERATED_NAME.sub(lambda generated: generated["inside"] or "", name)
            yield Frame(stable_name, name.startswith(platform))
            return
    if script := _JS_LOCATION.match(location):
        file = script["file"] or "native"
        yield Frame(script["function"] or "<anonymous>", file.startswith(_JAVASCRIPT_PLATFORM))
