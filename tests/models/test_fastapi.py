"""`ErrorPattern` as a web API's own schema: request body, response and list item of a small FastAPI application."""

import json
import sqlite3
import warnings
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI, HTTPException
from pydantic import BaseModel

from error_patterns import ErrorPattern, ErrorPatternRepository, PatternMatch

with warnings.catch_warnings():
    # Starlette moves its test client from httpx to httpx2; it says so on import, and works with either.
    warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient` is deprecated")
    from fastapi.testclient import TestClient

ULID = "01HXYZ1234567890ABCDEFGHIJ"
CANONICAL_ULID = "01HXYZ1234567890ABCDEFGH1J"
Json = dict[str, Any]  # Any: what JSON may hold

GOOD: Json = {
    "pattern_id": ULID.lower(),
    "pattern": "  port in use ",
    "keywords": ["EADDRINUSE", "port", "Port"],
    "historical_failures": ["OSError: [Errno 98]"],
    "historical_contexts": ["start the server"],
    "preventive_checks": ["lsof -i :8080"],
    "frequency": 0,
    "created_at": "2024-05-01T12:00:00",
    "last_seen": "2024-05-01T14:00:00+02:00",
}
GOOD_STORED: Json = GOOD | {
    "pattern_id": CANONICAL_ULID,
    "pattern": "port in use",
    "keywords": ["EADDRINUSE", "port"],
    "created_at": "2024-05-01T12:00:00Z",
    "last_seen": "2024-05-01T12:00:00Z",
    "fingerprint": None,
}


class Report(BaseModel):
    """A model of the application's own that holds patterns."""

    patterns: list[ErrorPattern]


@pytest.fixture
def client(repository: ErrorPatternRepository) -> Generator[TestClient]:
    """A client of an application that uses the repository of the test."""
    app = FastAPI()

    @app.post("/patterns", status_code=201)
    def create(pattern: ErrorPattern) -> ErrorPattern:
        return repository.create(pattern)

    @app.post("/patterns/batch")
    def create_many(patterns: list[ErrorPattern]) -> int:
        return repository.create_many(patterns)

    @app.post("/reports")
    def report(report: Report) -> int:
        return repository.create_many(report.patterns)

    @app.put("/patterns")
    def update(pattern: ErrorPattern) -> ErrorPattern:
        return repository.update(pattern)

    @app.get("/patterns/{pattern_id}", response_model=ErrorPattern)
    def get(pattern_id: str) -> object:
        pattern = repository.get(pattern_id)
        if pattern is None:
            raise HTTPException(404)
        return pattern

    @app.get("/patterns", response_model=list[ErrorPattern])
    def list_all() -> object:
        return repository.list_all()

    @app.post("/matches")
    def rank_context(context: Annotated[str, Body()]) -> list[PatternMatch]:
        return repository.rank_context(context)

    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def post(client: TestClient, path: str, body: object) -> tuple[int, Any]:  # Any: what JSON may hold
    response = client.post(path, json=body)
    return response.status_code, response.json()


def bad_places(client: TestClient, path: str, body: object) -> tuple[int, list[list[str | int]]]:
    status, answer = post(client, path, body)
    return status, [error["loc"] for error in answer["detail"]]


class TestGoodInput:
    def test_is_answered_in_canonical_form(self, client: TestClient) -> None:
        assert post(client, "/patterns", GOOD) == (201, GOOD_STORED)

    def test_is_stored(self, client: TestClient) -> None:
        post(client, "/patterns", GOOD)
        assert client.get(f"/patterns/{ULID}").json() == GOOD_STORED

    def test_needs_only_the_pattern(self, client: TestClient, repository: ErrorPatternRepository) -> None:
        _, answer = post(client, "/patterns", {"pattern": "boom"})
        assert repository.get(answer["pattern_id"]) == ErrorPattern(**answer)

    def test_is_listed(self, client: TestClient) -> None:
        post(client, "/patterns", GOOD)
        assert client.get("/patterns").json() == [GOOD_STORED]

    def test_is_taken_as_an_item_of_a_list(self, client: TestClient, repository: ErrorPatternRepository) -> None:
        post(client, "/patterns/batch", [GOOD, {"pattern": "other"}])
        assert {pattern.pattern for pattern in repository.list_all()} == {"port in use", "other"}

    def test_is_taken_inside_another_model(self, client: TestClient) -> None:
        post(client, "/reports", {"patterns": [GOOD]})
        assert client.get(f"/patterns/{ULID}").json() == GOOD_STORED

    def test_is_answered_inside_a_match(self, client: TestClient) -> None:
        post(client, "/patterns", GOOD)
        _, matches = post(client, "/matches", "bind: EADDRINUSE on port 8080")
        assert [match["pattern"] for match in matches] == [GOOD_STORED]

    def test_writes_only_the_fields_that_an_update_names(self, client: TestClient) -> None:
        post(client, "/patterns", GOOD)
        client.put("/patterns", json={"pattern_id": ULID, "pattern": "port taken"})
        assert client.get(f"/patterns/{ULID}").json() == GOOD_STORED | {"pattern": "port taken"}

    @pytest.mark.parametrize("name", ["self", "data", "unknown", "metadata", "_sa_instance_state"])
    def test_may_have_fields_that_the_class_has_not(self, client: TestClient, name: str) -> None:
        status = client.post("/patterns", json=GOOD | {name: "x"}).status_code
        assert (status, client.get(f"/patterns/{ULID}").json()) == (201, GOOD_STORED)


BAD: list[tuple[str, object, list[str | int]]] = [
    ("pattern_id", "no ulid", []),
    ("pattern", " ", []),
    ("pattern", "NUL \0", []),
    ("pattern", None, []),
    ("keywords", "port", []),
    ("keywords", ["port", "x" * 201], [1]),
    ("keywords", [str(number) for number in range(65)], []),
    ("historical_failures", [3], [0]),
    ("historical_contexts", ["start it", "NUL \0"], [1]),
    ("preventive_checks", [""], [0]),
    ("frequency", -1, []),
    ("frequency", 2**53, []),
    ("created_at", "yesterday", []),
    ("last_seen", "0001-01-01T00:00:00+05:00", []),
    ("fingerprint", "", []),
]


class TestBadInput:
    @pytest.mark.parametrize(("field", "bad", "place"), BAD)
    def test_is_answered_422_with_the_field(
        self, client: TestClient, field: str, bad: object, place: list[str | int]
    ) -> None:
        assert bad_places(client, "/patterns", GOOD | {field: bad}) == (422, [["body", field, *place]])

    def test_is_answered_with_every_bad_field_at_once_missing_ones_included(self, client: TestClient) -> None:
        body = {"pattern_id": "x", "keywords": ["ok", "", " "], "frequency": -1, "last_seen": "soon"}
        expected: list[list[str | int]] = [
            ["body", "pattern_id"],
            ["body", "pattern"],
            ["body", "keywords", 1],
            ["body", "keywords", 2],
            ["body", "frequency"],
            ["body", "last_seen"],
        ]
        assert bad_places(client, "/patterns", body) == (422, expected)

    def test_in_a_list_is_answered_with_its_position(self, client: TestClient) -> None:
        body = [GOOD, {"pattern": "x", "frequency": -1}, {}]
        expected: list[list[str | int]] = [["body", 1, "frequency"], ["body", 2, "pattern"]]
        assert bad_places(client, "/patterns/batch", body) == (422, expected)

    def test_inside_another_model_is_answered_with_its_place(self, client: TestClient) -> None:
        body = {"patterns": [{"pattern": "x", "keywords": [""]}]}
        assert bad_places(client, "/reports", body) == (422, [["body", "patterns", 0, "keywords", 0]])

    @pytest.mark.parametrize("body", [[], "text", 3])
    def test_that_is_no_object_is_answered_422(self, client: TestClient, body: object) -> None:
        assert bad_places(client, "/patterns", body) == (422, [["body"]])

    def test_is_not_stored(self, client: TestClient, repository: ErrorPatternRepository) -> None:
        post(client, "/patterns", GOOD | {"frequency": -1})
        assert repository.count() == 0


class TestFingerprint:
    def test_of_a_body_is_not_stored_by_create(self, client: TestClient) -> None:
        post(client, "/patterns", GOOD | {"fingerprint": "1:stolen"})
        assert client.get(f"/patterns/{ULID}").json()["fingerprint"] is None

    def test_of_a_body_is_not_stored_by_create_many(self, client: TestClient) -> None:
        post(client, "/patterns/batch", [GOOD | {"fingerprint": "1:stolen"}])
        assert client.get(f"/patterns/{ULID}").json()["fingerprint"] is None

    def test_of_a_body_is_not_stored_by_update(self, client: TestClient) -> None:
        post(client, "/patterns", GOOD)
        client.put("/patterns", json=GOOD | {"fingerprint": "1:stolen"})
        assert client.get(f"/patterns/{ULID}").json()["fingerprint"] is None


def test_row_written_under_older_rules_is_answered_as_it_is(client: TestClient, database_file: Path) -> None:
    post(client, "/patterns", GOOD)
    with closing(sqlite3.connect(database_file)) as database, database:
        database.execute("UPDATE error_patterns SET keywords = ?", [json.dumps(["x" * 300])])
    assert client.get("/patterns").json() == [GOOD_STORED | {"keywords": ["x" * 300]}]


LIMITS: list[tuple[str, Json]] = [
    ("pattern_id", {"maxLength": 26, "pattern": "^[0-7ILOilo][0-9A-TV-Za-tv-z]{25}$"}),
    ("pattern", {"minLength": 1, "maxLength": 10_000}),
    ("keywords", {"maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 200}}),
    ("preventive_checks", {"maxItems": 64, "items": {"type": "string", "minLength": 1, "maxLength": 2_000}}),
    ("frequency", {"minimum": 0, "maximum": 2**53 - 1, "default": 1}),
    ("created_at", {"format": "date-time"}),
    ("last_seen", {"format": "date-time"}),
]


class TestOpenApi:
    @pytest.mark.parametrize(("field", "limits"), LIMITS)
    def test_field_carries_its_limits(self, client: TestClient, field: str, limits: Json) -> None:
        schemas: Json = client.get("/openapi.json").json()["components"]["schemas"]
        described: Json = schemas["ErrorPattern"]["properties"][field]
        assert described | limits == described

    def test_body_and_answer_are_the_one_schema(self, client: TestClient) -> None:
        operation = client.get("/openapi.json").json()["paths"]["/patterns"]["post"]
        described = [
            part["content"]["application/json"]["schema"]
            for part in (operation["requestBody"], operation["responses"]["201"])
        ]
        assert described == [{"$ref": "#/components/schemas/ErrorPattern"}] * 2
