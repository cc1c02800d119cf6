"""`ErrorPattern`: what it accepts, what it refuses, and what its lists, copies and rows promise."""

import copy
import json
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import Session

from error_patterns import ErrorPattern, ErrorPatternRepository
from error_patterns.database import create_engine

ULID = "01HXYZ1234567890ABCDEFGHIJ"
CANONICAL_ULID = "01HXYZ1234567890ABCDEFGH1J"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
AHEAD = timezone(timedelta(hours=5))
BEHIND = timezone(-timedelta(hours=5))
LONGEST = "x" * 200
UNSTORABLE = [pytest.param("a\0b", id="NUL"), pytest.param("a\ud800b", id="lone surrogate")]
TEXT_FIELDS = ["pattern", "keywords", "historical_failures", "historical_contexts", "preventive_checks", "fingerprint"]
LIST_FIELDS = ["keywords", "historical_failures", "historical_contexts", "preventive_checks"]

Fields = dict[str, Any]  # Any: what callers may pass, right or wrong
Edit = Callable[[ErrorPattern], object]


def make(**fields: Any) -> ErrorPattern:
    return ErrorPattern(**{"pattern": "port in use"} | fields)


def numbered(count: int) -> list[str]:
    return [f"item {number}" for number in range(count)]


def refused(call: Callable[[], object]) -> list[tuple[object, ...]]:
    with pytest.raises(ValidationError) as caught:
        call()
    return [error["loc"] for error in caught.value.errors()]


def unpickled(pickled: bytes) -> ErrorPattern:
    pattern = pickle.loads(pickled)  # noqa: S301 - pickled by the test itself
    assert isinstance(pattern, ErrorPattern)
    return pattern


def added(items: list[str], more: list[str]) -> list[str]:
    items += more
    return items


def multiplied(items: list[str], times: int) -> list[str]:
    items *= times
    return items


def stored(database: sqlite3.Connection, column: str) -> Any:  # Any: whatever the column holds
    return database.execute("SELECT * FROM error_patterns").fetchone()[column]


def insert(database: sqlite3.Connection, **changes: object) -> None:
    row: Fields = {"pattern_id": CANONICAL_ULID, "pattern": "x", "frequency": 1, "fingerprint": None}
    row |= dict.fromkeys(LIST_FIELDS, "[]")
    row |= dict.fromkeys(["created_at", "last_seen"], "2024-05-01 12:00:00.000000")
    database.execute(
        "INSERT INTO error_patterns (pattern_id, pattern, keywords, historical_failures, historical_contexts, "
        "preventive_checks, frequency, created_at, last_seen, fingerprint) VALUES (:pattern_id, :pattern, :keywords, "
        ":historical_failures, :historical_contexts, :preventive_checks, :frequency, :created_at, :last_seen, "
        ":fingerprint)",
        row | changes,
    )
    database.commit()


@pytest.fixture
def database(database_file: Path) -> Generator[sqlite3.Connection]:
    """A connection that knows nothing of the package."""
    with closing(sqlite3.connect(database_file)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


@pytest.fixture
def session(url: str) -> Generator[Session]:
    """A session of the caller's own, as SQLAlchemy makes it: what it holds expires at each commit."""
    engine = create_engine(url)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def saved(session: Session) -> ErrorPattern:
    """A stored pattern that lives in the session."""
    pattern = make(pattern_id=ULID, keywords=["b", "a", "c"], preventive_checks=["look"], frequency=3, created_at=NOON)
    session.add(pattern)
    session.commit()
    return pattern


ACCEPTED: list[tuple[str, object, object]] = [
    ("pattern_id", ULID, CANONICAL_ULID),
    ("pattern_id", ULID.lower(), CANONICAL_ULID),
    ("pattern_id", "oOoOoOiIiIlLlL000000000000", "00000011111111000000000000"),
    ("pattern_id", "7" + "Z" * 25, "7" + "Z" * 25),
    ("pattern", "  two words\n", "two words"),
    ("pattern", " " + "x" * 10_000 + " ", "x" * 10_000),
    ("keywords", [" Port ", "EADDRINUSE", "port", "PORT"], ["Port", "EADDRINUSE"]),
    ("keywords", ["STRASSE", "stra\u00dfe"], ["STRASSE"]),
    ("keywords", numbered(64), numbered(64)),
    ("keywords", [f" {LONGEST} "], [LONGEST]),
    ("historical_failures", numbered(21), numbered(21)[1:]),
    ("historical_failures", ["x" * 4_000], ["x" * 4_000]),
    ("historical_contexts", numbered(21), numbered(21)[1:]),
    ("historical_contexts", ["a", "b", "a"], ["b", "a"]),
    ("historical_contexts", ["a", *numbered(20), "a"], [*numbered(20)[1:], "a"]),
    ("historical_contexts", ["", " \n\t", "a"], ["a"]),
    ("historical_contexts", ["x" * 2_000], ["x" * 2_000]),
    ("preventive_checks", [" look "], ["look"]),
    ("preventive_checks", numbered(64), numbered(64)),
    ("preventive_checks", ["x" * 2_000], ["x" * 2_000]),
    ("frequency", 0, 0),
    ("frequency", 2**53 - 1, 2**53 - 1),
    ("created_at", NOON.replace(tzinfo=None), NOON),
    ("created_at", NOON.astimezone(AHEAD), NOON),
    ("last_seen", NOON.replace(tzinfo=None), NOON),
    ("last_seen", NOON.astimezone(BEHIND), NOON),
    ("fingerprint", None, None),
    ("fingerprint", "x" * 100, "x" * 100),
]

REFUSED: list[tuple[str, object]] = [
    ("pattern_id", ""),
    ("pattern_id", ULID[1:]),
    ("pattern_id", ULID + "0"),
    ("pattern_id", ULID + "\n"),
    ("pattern_id", "8" + "0" * 25),  # more than 128 bits
    ("pattern_id", "0" * 25 + "U"),
    ("pattern_id", "\u0660" * 26),  # digits, but not those of a ULID
    ("pattern_id", None),
    ("pattern", ""),
    ("pattern", " \n\t"),
    ("pattern", "x" * 10_001),
    ("keywords", None),
    ("keywords", "port"),
    ("keywords", [" "]),
    ("keywords", [LONGEST + "x"]),
    ("keywords", numbered(65)),
    ("historical_failures", [1]),
    ("historical_contexts", [1]),
    ("historical_contexts", "one text"),
    ("preventive_checks", [" "]),
    ("preventive_checks", ["x" * 2_001]),
    ("preventive_checks", numbered(65)),
    ("frequency", -1),
    ("frequency", 2**53),
    ("frequency", 1.5),
    ("frequency", "many"),
    ("created_at", "yesterday"),
    ("created_at", datetime.min.replace(tzinfo=AHEAD)),
    ("last_seen", datetime.max.replace(tzinfo=BEHIND)),
    ("fingerprint", ""),
    ("fingerprint", "x" * 101),
]


class TestFields:
    @pytest.mark.parametrize(("field", "given", "kept"), ACCEPTED)
    def test_construction_keeps_the_canonical_value(self, field: str, given: object, kept: object) -> None:
        assert getattr(make(**{field: given}), field) == kept

    @pytest.mark.parametrize(("field", "given", "kept"), ACCEPTED)
    def test_assignment_keeps_the_canonical_value(self, field: str, given: object, kept: object) -> None:
        pattern = make()
        setattr(pattern, field, given)
        assert getattr(pattern, field) == kept

    @pytest.mark.parametrize(("field", "given"), REFUSED)
    def test_construction_refuses_what_breaks_a_rule(self, field: str, given: object) -> None:
        assert [loc[0] for loc in refused(lambda: make(**{field: given}))] == [field]

    @pytest.mark.parametrize(("field", "given"), REFUSED)
    def test_refused_assignment_leaves_the_old_value(self, field: str, given: object) -> None:
        pattern = make()
        old = copy.copy(pattern)
        refused(lambda: setattr(pattern, field, given))
        assert pattern == old

    @pytest.mark.parametrize("bad", UNSTORABLE)
    @pytest.mark.parametrize("field", TEXT_FIELDS)
    def test_text_that_databases_cannot_hold_is_refused(self, field: str, bad: str) -> None:
        assert refused(lambda: make(**{field: [bad] if field in LIST_FIELDS else bad}))[0][0] == field

    def test_defaults_are_those_of_a_failure_seen_once(self) -> None:
        pattern = make()
        assert (pattern.frequency, pattern.fingerprint, pattern.keywords) == (1, None, [])

    @pytest.mark.parametrize("field", ["created_at", "last_seen"])
    def test_moments_default_to_now_in_utc(self, field: str) -> None:
        moment: datetime = getattr(make(), field)
        assert (moment.tzinfo, abs(datetime.now(UTC) - moment) < timedelta(seconds=10)) == (UTC, True)

    def test_moments_of_other_zones_become_utc(self) -> None:
        assert make(last_seen=NOON.astimezone(AHEAD)).last_seen.tzinfo is UTC

    def test_each_pattern_gets_an_id_of_its_own(self) -> None:
        assert len({make().pattern_id for _ in range(100)}) == 100

    def test_cut_failure_is_4000_characters_with_its_beginning_and_its_end(self) -> None:
        mark = " […cut, 5,000 characters in all] "
        (cut,) = make(historical_failures=["a" * 2_500 + "z" * 2_500]).historical_failures
        kept = 4_000 - len(mark)
        assert cut == "a" * (kept - kept // 2) + mark + "z" * (kept // 2)

    def test_cut_context_is_2000_characters_with_its_beginning_and_its_end(self) -> None:
        mark = " […cut, 5,000 characters in all] "
        (cut,) = make(historical_contexts=["a" * 2_500 + "z" * 2_500]).historical_contexts
        kept = 2_000 - len(mark)
        assert cut == "a" * (kept - kept // 2) + mark + "z" * (kept // 2)

    def test_contexts_that_are_equal_once_they_are_cut_are_one(self) -> None:
        first, second = ("a" * 2_500 + middle + "z" * 2_500 for middle in "xy")
        assert len(make(historical_contexts=[first, second]).historical_contexts) == 1

    @pytest.mark.parametrize("moment", [datetime.min, datetime.max], ids=["first", "last"])
    def test_first_and_last_moments_can_be_stored(self, repository: ErrorPatternRepository, moment: datetime) -> None:
        created = repository.create(make(last_seen=moment))
        assert repository.get(created.pattern_id) == created


class TestConstruction:
    def test_every_error_is_listed_at_once_missing_fields_included(self) -> None:
        wrong: Fields = {"pattern_id": "x", "keywords": ["ok", ""], "preventive_checks": 3, "frequency": -1}
        expected = [("pattern_id",), ("pattern",), ("keywords", 1), ("preventive_checks",), ("frequency",)]
        assert refused(lambda: ErrorPattern(**wrong)) == expected

    def test_unknown_fields_are_ignored_even_one_named_self(self) -> None:
        assert ErrorPattern.model_validate_json('{"pattern": "x", "self": 1, "other": 2}').pattern == "x"

    def test_misspelt_attribute_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="frequncy"):
            setattr(make(), "frequncy", 2)  # noqa: B010 - mypy rightly refuses the plain assignment

    def test_lists_are_the_patterns_own(self) -> None:
        keywords = ["port"]
        pattern = make(keywords=keywords)
        keywords.append("late")
        assert pattern.keywords == ["port"]

    def test_only_what_the_caller_gave_counts_as_set(self) -> None:
        assert make(frequency=2).model_fields_set == {"pattern", "frequency"}


WayIn = Callable[[Fields], ErrorPattern]
WAYS_IN: dict[str, WayIn] = {
    "model_validate": ErrorPattern.model_validate,
    "model_validate attributes": lambda fields: ErrorPattern.model_validate(SimpleNamespace(**fields)),
    "model_validate update": lambda fields: ErrorPattern.model_validate({"pattern": "old"}, update=fields),
    "model_validate attributes update": lambda fields: ErrorPattern.model_validate(make(), update=fields),
    "model_validate_json": lambda fields: ErrorPattern.model_validate_json(json.dumps(fields)),
    "TypeAdapter": TypeAdapter(ErrorPattern).validate_python,
    "TypeAdapter json": lambda fields: TypeAdapter(ErrorPattern).validate_json(json.dumps(fields)),
    "model_copy": lambda fields: make().model_copy(update=fields),
}


@pytest.mark.parametrize("way_in", WAYS_IN.values(), ids=WAYS_IN)
class TestOtherWaysIn:
    def test_values_are_made_canonical(self, way_in: WayIn) -> None:
        made = way_in({"pattern": " x ", "pattern_id": ULID, "keywords": ["A", "a "]})
        assert (made.pattern, made.pattern_id, made.keywords) == ("x", CANONICAL_ULID, ["A"])

    def test_every_error_is_listed(self, way_in: WayIn) -> None:
        wrong: Fields = {"pattern": " ", "keywords": [""], "frequency": -1}
        assert refused(lambda: way_in(wrong)) == [("pattern",), ("keywords", 0), ("frequency",)]

    def test_lists_check_changes_in_place(self, way_in: WayIn) -> None:
        made = way_in({"pattern": "x", "keywords": ["a"]})
        refused(lambda: made.keywords.append(""))
        assert made.keywords == ["a"]


def test_update_of_model_validate_wins_over_an_error_of_the_mapping() -> None:
    assert ErrorPattern.model_validate({"pattern": ""}, update={"pattern": "x"}).pattern == "x"


def test_strict_validation_converts_nothing() -> None:
    assert refused(lambda: ErrorPattern.model_validate({"pattern": "x", "frequency": "3"}, strict=True))


SCHEMA: list[tuple[str, Fields]] = [
    ("pattern_id", {"type": "string", "maxLength": 26, "pattern": "^[0-7ILOilo][0-9A-TV-Za-tv-z]{25}$"}),
    ("pattern", {"type": "string", "minLength": 1, "maxLength": 10_000}),
    ("keywords", {"maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 200}}),
    ("historical_failures", {"type": "array", "items": {"type": "string"}}),
    ("historical_contexts", {"type": "array", "items": {"type": "string"}}),
    ("preventive_checks", {"maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 2_000}}),
    ("frequency", {"type": "integer", "minimum": 0, "maximum": 2**53 - 1, "default": 1}),
    ("created_at", {"type": "string", "format": "date-time"}),
    ("last_seen", {"type": "string", "format": "date-time"}),
    ("fingerprint", {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 100}, {"type": "null"}]}),
]


class TestJsonSchema:
    @pytest.mark.parametrize(("field", "limits"), SCHEMA)
    def test_field_carries_its_limits(self, field: str, limits: Fields) -> None:
        described: Fields = ErrorPattern.model_json_schema()["properties"][field]
        assert described | limits == described

    def test_only_the_pattern_is_required(self) -> None:
        assert ErrorPattern.model_json_schema()["required"] == ["pattern"]


class TestAssignmentInASession:
    @pytest.mark.parametrize(("field", "bad"), [("frequency", -1), ("created_at", "yesterday"), ("fingerprint", "")])
    def test_commit_after_a_refused_assignment_writes_the_old_value(
        self, session: Session, saved: ErrorPattern, database: sqlite3.Connection, field: str, bad: object
    ) -> None:
        old = stored(database, field)
        refused(lambda: setattr(saved, field, bad))
        saved.pattern = "changed as well"
        session.commit()
        assert (stored(database, "pattern"), stored(database, field)) == ("changed as well", old)

    def test_commit_writes_an_accepted_assignment(
        self, session: Session, saved: ErrorPattern, database: sqlite3.Connection
    ) -> None:
        saved.keywords = ["new"]
        session.commit()
        assert json.loads(stored(database, "keywords")) == ["new"]


EDITS: dict[str, tuple[Edit, list[str]]] = {
    "append": (lambda p: p.keywords.append(" d "), ["b", "a", "c", "d"]),
    "append duplicate": (lambda p: p.keywords.extend(["A", "d"]), ["b", "a", "c", "d"]),
    "extend": (lambda p: p.keywords.extend(["d", "e"]), ["b", "a", "c", "d", "e"]),
    "insert": (lambda p: p.keywords.insert(1, "d"), ["b", "d", "a", "c"]),
    "pop": (lambda p: p.keywords.pop(0), ["a", "c"]),
    "remove": (lambda p: p.keywords.remove("a"), ["b", "c"]),
    "clear": (lambda p: p.keywords.clear(), []),
    "sort": (lambda p: p.keywords.sort(reverse=True), ["c", "b", "a"]),
    "reverse": (lambda p: p.keywords.reverse(), ["c", "a", "b"]),
    "+=": (lambda p: setattr(p, "keywords", added(p.keywords, ["d"])), ["b", "a", "c", "d"]),
    "+= on the list": (lambda p: added(p.keywords, ["d"]), ["b", "a", "c", "d"]),
    "*=": (lambda p: setattr(p, "keywords", multiplied(p.keywords, 0)), []),
    "*= on the list": (lambda p: multiplied(p.keywords, 0), []),
    "item": (lambda p: p.keywords.__setitem__(-1, "d"), ["b", "a", "d"]),
    "slice": (lambda p: p.keywords.__setitem__(slice(1, 3), ["d"]), ["b", "d"]),
    "del item": (lambda p: p.keywords.__delitem__(0), ["a", "c"]),
    "del slice": (lambda p: p.keywords.__delitem__(slice(1, None)), ["b"]),
}

REFUSED_EDITS: dict[str, Edit] = {
    "append": lambda p: p.keywords.append(" "),
    "extend": lambda p: p.keywords.extend(["d", LONGEST + "x"]),
    "extend too far": lambda p: p.keywords.extend(numbered(62)),
    "insert": lambda p: p.keywords.insert(1, "\0"),
    "+=": lambda p: setattr(p, "keywords", added(p.keywords, [""])),
    "+= on the list": lambda p: added(p.keywords, [""]),
    "*=": lambda p: setattr(p, "preventive_checks", multiplied(p.preventive_checks, 65)),
    "*= on the list": lambda p: multiplied(p.preventive_checks, 65),
    "item": lambda p: p.keywords.__setitem__(0, ""),
    "slice": lambda p: p.keywords.__setitem__(slice(0, 2), numbered(64)),
}


class TestChangesInPlace:
    @pytest.mark.parametrize(("edit", "after"), EDITS.values(), ids=EDITS)
    def test_change_is_persisted(
        self, session: Session, saved: ErrorPattern, database: sqlite3.Connection, edit: Edit, after: list[str]
    ) -> None:
        edit(saved)
        session.commit()
        assert json.loads(stored(database, "keywords")) == after

    @pytest.mark.parametrize("edit", REFUSED_EDITS.values(), ids=REFUSED_EDITS)
    def test_refused_change_leaves_the_lists(self, saved: ErrorPattern, edit: Edit) -> None:
        refused(lambda: edit(saved))
        assert (saved.keywords, saved.preventive_checks) == (["b", "a", "c"], ["look"])

    @pytest.mark.parametrize("edit", REFUSED_EDITS.values(), ids=REFUSED_EDITS)
    def test_refused_change_leaves_the_row(
        self, session: Session, saved: ErrorPattern, database: sqlite3.Connection, edit: Edit
    ) -> None:
        refused(lambda: edit(saved))
        saved.historical_failures.append("still works")
        session.commit()
        lists = [json.loads(stored(database, name)) for name in LIST_FIELDS]
        assert lists == [["b", "a", "c"], ["still works"], [], ["look"]]

    def test_extension_that_fails_half_way_changes_nothing(self, saved: ErrorPattern) -> None:
        with pytest.raises(ZeroDivisionError):
            saved.keywords.extend(str(1 // number) for number in (1, 0))
        assert saved.keywords == ["b", "a", "c"]

    def test_list_in_hand_still_counts_after_an_update(self, repository: ErrorPatternRepository) -> None:
        pattern = repository.create(make())
        keywords = pattern.keywords
        repository.update(pattern)
        keywords.append("late")
        repository.update(pattern)
        found = repository.get(pattern.pattern_id)
        assert found is not None
        assert found.keywords == ["late"]

    def test_change_counts_as_set(self) -> None:
        pattern = make()
        pattern.keywords.append("port")
        assert pattern.model_fields_set == {"pattern", "keywords"}

    def test_21st_failure_drops_the_oldest(self) -> None:
        pattern = make(historical_failures=numbered(20))
        pattern.historical_failures.append("newest")
        assert pattern.historical_failures == [*numbered(20)[1:], "newest"]


def test_context_that_is_known_becomes_the_newest() -> None:
    pattern = make(historical_contexts=["a", "b"])
    pattern.historical_contexts.append("a")
    assert pattern.historical_contexts == ["b", "a"]


REFUSED_ROWS: list[tuple[str, object]] = [
    ("frequency", -1),
    ("frequency", "many"),
    ("frequency", 1.5),
    ("frequency", None),
    ("frequency", 2**53),
    ("pattern", ""),
    ("pattern", "   "),
    ("pattern", "x" * 10_001),
    *[(field, bad) for field in LIST_FIELDS for bad in ("{}", '"port"', "null", "[", "['port']", "")],
    ("keywords", json.dumps(numbered(65))),
    ("historical_failures", json.dumps(numbered(21))),
    ("historical_contexts", json.dumps(numbered(21))),
    ("preventive_checks", json.dumps(numbered(65))),
    *[
        (field, bad)
        for field in ("created_at", "last_seen")
        for bad in (
            "",
            "yesterday",
            "12:30",
            5,
            "2024-02-31 12:00:00.000000",
            "-4000-01-01 00:00:00.000000",
            "2024-05-01 12:00:00 noon",
            "2024-05-01T12:00:00.000000",  # would not sort among the others
        )
    ],
    ("pattern_id", ULID),  # look-ups are for the canonical spelling
    ("pattern_id", CANONICAL_ULID.lower()),
    ("pattern_id", CANONICAL_ULID[1:]),
    ("pattern_id", "8" + "0" * 25),
    ("pattern_id", "!" * 26),
    ("fingerprint", ""),
    ("fingerprint", "x" * 101),
]


class TestWritesThatBypassPython:
    def test_row_within_the_rules_can_be_written_and_read(
        self, database: sqlite3.Connection, repository: ErrorPatternRepository
    ) -> None:
        insert(database, keywords='["port"]')
        found = repository.get(ULID)
        assert found == make(pattern="x", pattern_id=ULID, keywords=["port"], created_at=NOON, last_seen=NOON)

    @pytest.mark.parametrize(("column", "bad"), REFUSED_ROWS)
    def test_row_that_breaks_a_rule_is_refused(self, database: sqlite3.Connection, column: str, bad: object) -> None:
        with pytest.raises(sqlite3.IntegrityError):
            insert(database, **{column: bad})

    def test_fingerprint_is_unique(self, database: sqlite3.Connection) -> None:
        insert(database, fingerprint="1:a")
        with pytest.raises(sqlite3.IntegrityError, match="fingerprint"):
            insert(database, fingerprint="1:a", pattern_id="0" * 26)

    def test_patterns_without_fingerprint_are_not_each_others_duplicates(self, database: sqlite3.Connection) -> None:
        insert(database)
        insert(database, pattern_id="0" * 26)
        assert database.execute("SELECT count(*) FROM error_patterns").fetchone()[0] == 2


class TestRowsWrittenUnderOlderRules:
    @pytest.fixture(autouse=True)
    def old_row(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA ignore_check_constraints = ON")
        insert(database, keywords=json.dumps(["x" * 300]), frequency=-7)

    def test_can_be_read(self, repository: ErrorPatternRepository) -> None:
        assert [(row.keywords, row.frequency) for row in repository.list_all()] == [(["x" * 300], -7)]

    def test_can_be_deleted(self, repository: ErrorPatternRepository) -> None:
        assert repository.delete(ULID)

    def test_can_be_counted(self, database: sqlite3.Connection, repository: ErrorPatternRepository) -> None:
        recorded = repository.record_failure("boom")
        old = json.dumps(["x" * 3000])
        database.execute("UPDATE error_patterns SET preventive_checks = ? WHERE pattern = 'boom'", [old])
        database.commit()
        assert (repository.record_failure("boom").frequency, recorded.frequency) == (2, 1)

    def test_can_be_deleted_in_a_session(self, session: Session) -> None:
        session.delete(session.get_one(ErrorPattern, CANONICAL_ULID))
        session.commit()
        assert session.get(ErrorPattern, CANONICAL_ULID) is None

    def test_can_be_mended(self, repository: ErrorPatternRepository) -> None:
        row = repository.list_all()[0]
        row.frequency = 1
        row.keywords.remove("x" * 300)
        row.preventive_checks.append("look")
        repository.update(row)
        assert repository.get(ULID) == row


Copy = Callable[[ErrorPattern], ErrorPattern]
COPIES: dict[str, Copy] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": ErrorPattern.model_copy,
    "model_copy deep": lambda pattern: pattern.model_copy(deep=True),
    "model_validate": ErrorPattern.model_validate,
    "pickle": lambda pattern: unpickled(pickle.dumps(pattern)),
}


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
class TestCopies:
    def test_equals_its_original(self, saved: ErrorPattern, session: Session, make_copy: Copy) -> None:
        session.refresh(saved)
        assert make_copy(saved) == saved

    def test_has_a_state_of_its_own(self, saved: ErrorPattern, session: Session, make_copy: Copy) -> None:
        session.refresh(saved)
        copied = make_copy(saved)
        assert (sa_inspect(copied) is sa_inspect(saved), copied in session) == (False, False)

    def test_edits_of_the_copy_do_not_show_in_the_original(
        self,
        saved: ErrorPattern,
        session: Session,
        database: sqlite3.Connection,
        make_copy: Copy,
    ) -> None:
        session.refresh(saved)
        copied = make_copy(saved)
        copied.keywords.append("late")
        copied.frequency = 9
        session.commit()
        kept = saved.keywords, saved.frequency, stored(database, "frequency")
        assert kept == (["b", "a", "c"], 3, 3)

    def test_edits_of_the_original_do_not_show_in_the_copy(self, make_copy: Copy) -> None:
        original = make(keywords=["a"])
        copied = make_copy(original)
        original.keywords.append("late")
        original.frequency = 9
        assert (copied.keywords, copied.frequency) == (["a"], 1)

    def test_lists_of_the_copy_check_changes(self, make_copy: Copy) -> None:
        copied = make_copy(make(keywords=["a"]))
        refused(lambda: copied.keywords.append(""))
        assert copied.keywords == ["a"]


def test_copy_has_what_the_session_let_expire(saved: ErrorPattern, session: Session) -> None:
    session.refresh(saved)
    session.expire(saved, ["frequency"])
    assert copy.copy(saved).frequency == 3


def test_change_made_after_unpickling_is_stored_by_an_update(repository: ErrorPatternRepository) -> None:
    created = repository.create(make(keywords=["a"]))
    copied = unpickled(pickle.dumps(created))
    copied.keywords.append("b")
    repository.update(copied)
    assert repository.get(created.pattern_id) == copied


def test_pattern_equals_its_loaded_self(repository: ErrorPatternRepository) -> None:
    created = repository.create(make(keywords=["port"], historical_failures=["boom"]))
    assert repository.get(created.pattern_id) == created


@pytest.mark.parametrize("change", [{"frequency": 2}, {"keywords": ["port"]}, {"last_seen": NOON}])
def test_patterns_that_differ_in_a_field_are_not_equal(change: Fields) -> None:
    pattern = make()
    assert pattern.model_copy(update=change) != pattern


@pytest.mark.slow
def test_import_leaves_the_naming_convention_of_sqlmodel_alone() -> None:
    script = """
from sqlmodel import SQLModel
before = dict(SQLModel.metadata.naming_convention)
import error_patterns
assert SQLModel.metadata.naming_convention == before
"""
    subprocess.run([sys.executable, "-c", script], check=True)
