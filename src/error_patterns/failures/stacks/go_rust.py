"""Panics of Go and of Rust, in lines without the prefix of a log."""

import itertools
import re
from collections.abc import Sequence

from error_patterns.failures.log_prefix import split_log_prefix
from error_patterns.failures.stacks.base import MAX_DETAILS, Frame, Stack, relevant_functions

_GO_PANIC = re.compile(r"(?P<kind>panic|fatal error): (?P<message>.*?)(?: \[recovered(?:, repanicked)?\])?$")
_GO_FUNCTION = re.compile(r"(?P<function>[\w./*()\[\]·%-]+?)\((?:[^()\n]*|\.\.\.)\)$")
_GO_PLATFORM = ("runtime.", "runtime/", "testing.", "reflect.", "net/", "sync.", "os.", "io.", "internal/", "panic")

_RUST_PANIC = re.compile(r"thread '(?P<thread>[^'\n]*)' (?:\(\d+\) )?panicked at (?P<rest>\S.*)$")
_RUST_LOCATION = re.compile(r"(?:(?P<message>.*)', )?(?P<file>[^\s']{1,500}):\d+:\d+:?$")
_RUST_MESSAGE_LINE = re.compile(r"(?!stack backtrace:|note: |$)")
_RUST_FUNCTION = re.compile(r"[ \t]*\d+: +(?:0x[0-9a-f]+ - )?(?P<function>\S.*?)(?:::h[0-9a-f]{16})?$")
_RUST_PLATFORM = ("std::", "core::", "alloc::", "<core::", "<alloc::", "<std::", "rust_", "__rust", "__libc", "_start")


def parse_go_stacks(lines: Sequence[str]) -> list[Stack]:
    """Return the first panic, with the functions of the goroutine that panicked."""
    panic: re.Match[str] | None = None
    details: list[str] = []
    frames: list[Frame] = []
    goroutines = 0
    for line, following in itertools.pairwise([*lines, ""]):
        if panic is None:
            panic = _GO_PANIC.match(line)
        elif line.startswith("goroutine "):
            goroutines += 1
        elif goroutines == 0 and line.strip() and len(details) < MAX_DETAILS:
            details.append(line)  # of a message of several lines, of a signal, or a panic during the panic
        elif goroutines == 1 and following[:1].isspace() and (frame := _GO_FUNCTION.match(line)):
            frames.append(Frame(frame["function"], frame["function"].startswith(_GO_PLATFORM)))
    if panic is None or not goroutines:
        return []
    return [Stack(panic[0], "panic", panic["message"], tuple(details), relevant_functions(frames))]


def parse_rust_stacks(lines: Sequence[str]) -> list[Stack]:
    """Return the panics, ordered by thread name, as threads can fail in any order."""
    panics = {number: panic for number, line in enumerate(lines) if (panic := _RUST_PANIC.match(line))}
    sections = sorted(itertools.pairwise([*panics, len(lines)]), key=lambda section: panics[section[0]]["thread"])
    return [_parse_rust_stack(panics[begin], lines[begin + 1 : end]) for begin, end in sections]


def _parse_rust_stack(panic: re.Match[str], following: Sequence[str]) -> Stack:
    message_lines = list(itertools.takewhile(_is_message_line, following[:MAX_DETAILS]))
    trace = filter(None, map(_RUST_FUNCTION.match, following[len(message_lines) :]))
    frames = [Frame(frame["function"], frame["function"].startswith(_RUST_PLATFORM)) for frame in trace]
    (message, *details), file = _split_message_and_file([panic["rest"], *message_lines])
    if not frames:  # then the location alone tells it from others with this message
        details += [f"thread {panic['thread']}", re.split(r"[\\/]", file)[-1]]
    return Stack(message, "panic", message, tuple(details), relevant_functions(frames))


def _is_message_line(line: str) -> bool:
    return _RUST_MESSAGE_LINE.match(line) is not None and not split_log_prefix(line)[0]


def _split_message_and_file(lines: list[str]) -> tuple[list[str], str]:
    """Split the lines behind `panicked at`. Before Rust 1.73 the message came first, in quotes."""
    for number, line in enumerate(lines):
        if location := _RUST_LOCATION.match(line):
            message = lines[number + 1 :] if location["message"] is None else [*lines[:number], location["message"]]
            return [message[0].removeprefix("'"), *message[1:]] if message else [""], location["file"]
    return lines, ""
