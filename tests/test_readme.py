"""The README tells the truth: its tour runs, and it names the commands that there are."""

import asyncio
import re
from collections.abc import Callable, Generator
from pathlib import Path

import httpx
import pytest
import typer
from fastapi import FastAPI
from sqlalchemy import Engine

from error_patterns import ErrorPattern, ErrorPatternRepository
from error_patterns.cli import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[dict[str, object]]:
    """What the code of the README defines, run from top to bottom in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "readme"}
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)):
        exec(compile(block, f"README block {number}", "exec"), names)  # noqa: S102 - it is our own README
    yield names
    repository, engine = names["repository"], names["engine"]
    assert isinstance(repository, ErrorPatternRepository)
    assert isinstance(engine, Engine)
    repository.close()
    engine.dispose()


def test_the_code_of_the_tour_runs_from_top_to_bottom(names: dict[str, object]) -> None:
    assert isinstance(names["app"], FastAPI)


Ask = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def ask(names: dict[str, object], runner: asyncio.Runner) -> Ask:
    """Asks the application of the tour, which is started and stopped for it."""
    app = names["app"]
    assert isinstance(app, FastAPI)

    async def answer(request: httpx.Request) -> httpx.Response:
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.send(request)

    return lambda request: runner.run(answer(request))


def test_the_application_of_the_tour_finds_what_it_stored(ask: Ask) -> None:
    made = ask(httpx.Request("POST", "http://test/patterns", json={"pattern": "Disk full", "keywords": ["ENOSPC"]}))
    found = ask(httpx.Request("GET", "http://test/patterns", params={"context": "write failed: ENOSPC"}))
    assert found.json() == [made.json()]


def test_the_application_of_the_tour_names_each_bad_field(ask: Ask) -> None:
    refused = ask(httpx.Request("POST", "http://test/patterns", json={"pattern": "", "frequency": -1}))
    bad = [error["loc"][-1] for error in refused.json()["detail"]]
    assert (refused.status_code, bad) == (422, ["pattern", "frequency"])


RULES = re.findall(r"^\| (.+) \| `(.+)` \| `(.+)` \| `(.+)` \|$", README, re.MULTILINE)
each_rule = pytest.mark.parametrize(
    ("keyword", "context", "other"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES]
)


def test_the_table_of_rules_is_found() -> None:
    assert len(RULES) == README.partition("## What matches")[2].partition("\n\nA context")[0].count("\n|") - 2


@each_rule
def test_a_keyword_is_where_the_rules_say(
    repository: ErrorPatternRepository, keyword: str, context: str, other: str
) -> None:
    stored = repository.create(ErrorPattern(pattern="nothing else", keywords=[keyword]))
    assert (repository.match_context(context), repository.match_context(other)) == ([stored], [])


@each_rule
def test_the_text_of_a_pattern_is_where_the_rules_say(
    repository: ErrorPatternRepository, keyword: str, context: str, other: str
) -> None:
    stored = repository.create(ErrorPattern(pattern=keyword))
    assert (repository.match_context(context), repository.match_context(other)) == ([stored], [])


def test_the_table_of_commands_names_every_command() -> None:
    table = README.partition("## The command line")[2].partition("\n## ")[0]
    assert isinstance(command := typer.main.get_command(app), typer.core.TyperGroup)
    assert [name for name in command.commands if f"`{name}" not in table] == []


def test_the_test_command_is_the_one_that_continuous_integration_finds() -> None:
    assert len(re.findall(r"^<!-- test command -->\n```sh\npython3 .*nox$", README, re.MULTILINE)) == 1
