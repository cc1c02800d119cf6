"""Parsers of stack traces, one module for each family of formats. Pure, total, linear time."""

from collections.abc import Sequence

from error_patterns.failures.log_prefix import split_log_prefix, strip_program
from error_patterns.failures.stacks.base import Stack
from error_patterns.failures.stacks.go_rust import parse_go_stacks, parse_rust_stacks
from error_patterns.failures.stacks.jvm_js_dotnet import parse_thrown_stacks
from error_patterns.failures.stacks.python import parse_python_stacks


def parse_stacks(lines: Sequence[str]) -> list[Stack]:
    """Return the complete stacks of a text, the one that ended the program last."""
    if stacks := parse_python_stacks(lines) or parse_rust_stacks(lines):
        return stacks
    bare = [strip_program(split_log_prefix(line)[1]) for line in lines]
    return parse_thrown_stacks(bare) or parse_go_stacks(bare) or parse_rust_stacks(bare)
