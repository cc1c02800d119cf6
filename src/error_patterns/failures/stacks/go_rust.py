"""Panics of Go and of Rust, in lines without what a log puts in front."""

import itertools
import re
from collections.abc import Sequence

from error_patterns.failures.normalize import split_log_prefix
from error_patterns.failures.stacks.base import MOST_DETAILS, Frame, Stack, functions_that_count

_GO_PANIC = re.compile(r"(?P<kind>panic|fatal error): (?P<message>.*?)(?: \[recovered(?:, repanicked)?\])?$")
_GO_FUNCTION = re.compile(r"(?P<function>[\w./*()\[\]·%-]+?)\((?:[^()\n]*|\.\.\.)\)$")
_GO_PLATFORM = ("runtime.", "runtime/", "testing.", "reflect.", "net/", "sync.", "os.", "io.", "internal/", "panic")


def go_stacks(lines: Sequence[str]) -> list[Stack]:
    """The first panic, with the goroutine that panicked."""
    panic: re.Match[str] | None = None
    said: list[str] = []
    frames: list[Frame] = []
    goroutines = 0
    for line, following in itertools.pairwise([*lines, ""]):
        if panic is None:
            panic = _GO_PANIC.match(line)
        elif line.startswith("goroutine "):
            goroutines += 1
        elif goroutines == 0 and line.strip() and len(said) < MOST_DETAILS:
            said.append(line)  # of a message of several lines, of a signal, or a panic while it panicked
        elif goroutines == 1 and following[:1].isspace() and (called := _GO_FUNCTION.match(line)):
            frames.append(Frame(called["function"], called["function"].startswith(_GO_PLATFORM)))
    if panic is None or not goroutines:
        return []
    return [Stack(panic[0], "panic", panic["message"], tuple(said), functions_that_count(frames))]


_RUST_PANIC = re.compile(r"thread '(?P<thread>[^'\n]*)' (?:\(\d+\) )?panicked at (?P<rest>\S.*)$")
_RUST_PLACE = re.compile(r"(?:(?P<said>.*)', )?(?P<file>[^\s']{1,500}):\d+:\d+:?$")
_RUST_SAID = re.compile(r"(?!stack backtrace:|note: |$)")
_RUST_FUNCTION = re.compile(r"[ \t]*\d+: +(?:0x[0-9a-f]+ - )?(?P<function>\S.*?)(?:::h[0-9a-f]{16})?$")
_RUST_PLATFORM = ("std::", "core::", "alloc::", "<core::", "<alloc::", "<std::", "rust_", "__rust", "__libc", "_start")


def rust_stacks(lines: Sequence[str]) -> list[Stack]:
    """The panics, by the names of the threads, which can fail in any order."""
    panics = {number: panic for number, line in enumerate(lines) if (panic := _RUST_PANIC.match(line))}
    parts = sorted(itertools.pairwise([*panics, len(lines)]), key=lambda part: panics[part[0]]["thread"])
    return [_panicked(panics[begin], lines[begin + 1 : end]) for begin, end in parts]


def _panicked(panic: re.Match[str], lines: Sequence[str]) -> Stack:
    after = list(itertools.takewhile(_is_said, lines[:MOST_DETAILS]))
    trace = filter(None, map(_RUST_FUNCTION.match, lines[len(after) :]))
    frames = [Frame(called["function"], called["function"].startswith(_RUST_PLATFORM)) for called in trace]
    said, file = _said_and_file([panic["rest"], *after])
    if not frames:  # then where it was is all that tells it from others that say the same
        said += [f"thread {panic['thread']}", re.split(r"[\\/]", file)[-1]]
    return Stack(said[0], "panic", said[0], tuple(said[1:]), functions_that_count(frames))


def _is_said(line: str) -> bool:
    return _RUST_SAID.match(line) is not None and not split_log_prefix(line)[0]


def _said_and_file(lines: list[str]) -> tuple[list[str], str]:
    """The message, and the file. Before Rust 1.73 the message came first, in quotes."""
    for number, line in enumerate(lines):
        if place := _RUST_PLACE.match(line):
            said = lines[number + 1 :] if place["said"] is None else [*lines[:number], place["said"]]
            return [said[0].removeprefix("'"), *said[1:]] if said else [""], place["file"]
    return lines, ""
