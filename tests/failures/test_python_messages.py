"""One canonical form for the messages of all versions of Python."""

import pytest

from error_patterns.failures.python_messages import canonical_line, canonical_message


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (
            "local variable 'x' referenced before assignment",
            "cannot access local variable 'x' where it is not associated with a value",
        ),
        (
            "free variable 'x' referenced before assignment in enclosing scope",
            "cannot access free variable 'x' where it is not associated with a value in enclosing scope",
        ),
        ("send() got multiple values for argument 'a'", "test.<locals>.T.send() got multiple values for argument 'a'"),
        ("T.__init__() missing 1 required argument: 'a'", "f.<locals>.T.__init__() missing 1 required argument: 'a'"),
        ("can't set attribute 'x'", "property 'x' of 'C' object has no setter"),
        ("string indices must be integers", "string indices must be integers, not 'str'"),
        (
            "module 'a' has no attribute 'b'",
            "partially initialized module 'a' has no attribute 'b' (most likely due to a circular import)",
        ),
        (
            "module 'a' has no attribute 'b'",
            "cannot access submodule 'b' of module 'a' (most likely due to a circular import)",
        ),
        (
            "module 'random' has no attribute 'x'",
            "module 'random' has no attribute 'x' (consider renaming '/a/random.py' since it has the same name)",
        ),
        ("cannot import name 'a' from 'b'", "cannot import name 'a' from 'b' (/srv/b.py)"),
        ("cannot import name 'a' from 'b'", "cannot import name 'a' from 'b' (unknown location)"),
        (
            "cannot import name 'a' from 'b'",
            "cannot import name 'a' from partially initialized module 'b' (most likely due to a circular import) (b)",
        ),
        ("x must be a string or a number, not 'list'", "x must be a string or a real number, not 'list'"),
        ("maximum recursion depth exceeded", "maximum recursion depth exceeded while calling a Python object"),
        ("too many values to unpack (expected 2)", "too many values to unpack (expected 2, got 3)"),
        ("unhashable type: 'list'", "cannot use 'list' as a dict key (unhashable type: 'list')"),
        ("argument of type 'int' is not iterable", "argument of type 'int' is not a container or iterable"),
        ("name 'lenn' is not defined", "name 'lenn' is not defined. Did you mean: 'len'?"),
        ("name 'io' is not defined", "name 'io' is not defined. Did you forget to import 'io'?"),
        ("invalid syntax", "invalid syntax. Perhaps you forgot a comma?"),
    ],
)
class TestWordings:
    def test_a_newer_one_is_that_of_older_versions(self, older: str, newer: str) -> None:
        assert canonical_message(newer) == older

    def test_the_older_one_stays(self, older: str, newer: str) -> None:
        assert canonical_message(older) == older

    def test_it_is_known_behind_the_type(self, older: str, newer: str) -> None:
        assert canonical_line(f"a.SomeError: {newer}") == f"a.SomeError: {older}"


class TestWhatIsMissing:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("cannot import name 'a' from 'b'", "cannot import name 'a' from 'c'"),
            ("A.__init__() missing 1 required argument: 'a'", "B.__init__() missing 1 required argument: 'a'"),
            ("module 'a' has no attribute 'b'", "module 'a' has no attribute 'c'"),
        ],
    )
    def test_it_still_tells_failures_apart(self, one: str, other: str) -> None:
        assert canonical_message(one) != canonical_message(other)
