"""Stack traces as what they are: which exceptions there were, and through which functions. Pure, total, linear time."""

from collections.abc import Sequence

from error_patterns.failures.normalize import without_log_prefix, without_program
from error_patterns.failures.stacks.base import Stack
from error_patterns.failures.stacks.go_rust import go_stacks, rust_stacks
from error_patterns.failures.stacks.jvm_js_dotnet import thrown_stacks
from error_patterns.failures.stacks.python import python_stacks


def stacks_of(lines: Sequence[str]) -> list[Stack]:
    """The stacks of a text, the one that the program ended with last, without those that are cut off."""
    if found := python_stacks(lines) or rust_stacks(lines):
        return found
    bare = [without_program(without_log_prefix(line)) for line in lines]
    return next(filter(None, (read(bare) for read in (thrown_stacks, go_stacks, rust_stacks))), [])
