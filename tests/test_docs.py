"""The README and the pages of docs tell the truth: their code runs, and their tables, links and commands hold."""

import asyncio
import re
import shlex
from collections.abc import Callable, Generator, Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import typer
from fastapi import FastAPI
from markdown_it import MarkdownIt
from markdown_it.token import Token
from sqlalchemy import Engine

from error_patterns import RELEVANT_SCORE, ErrorPattern, ErrorPatternRepository, FailureHandler
from error_patterns.cli import app, main
from error_patterns.matching import CANDIDATES, COMMON_TERM, FOLLOWED, SAME_FAILURE_SCORE, evidence
from error_patterns.matching.phrases import ATTEMPT_CHARACTERS, MAX_TEXT_WORDS
from error_patterns.matching.weights import MIN_WEIGHT, NUMBER_WEIGHT, weight_of
from error_patterns.models.pattern_index import indexed_phrases, postings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
MARKDOWN = MarkdownIt().enable("table")


def tokens_of(page: Path) -> list[Token]:
    return MARKDOWN.parse(page.read_text(encoding="utf-8"))


def text_of(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def blocks_of(page: Path) -> Iterator[tuple[int, str, str]]:
    """The Python blocks of a page: line, code, and the text block right behind it, which is what it prints."""
    for token, following in pairwise([*tokens_of(page), Token("end", "", 0)]):
        if token.info == "python":
            assert token.map is not None
            yield token.map[0], token.content, following.content if following.info == "text" else ""


def tables_of(page: Path) -> list[list[list[str]]]:
    tables: list[list[list[str]]] = []
    for outer, token in pairwise(tokens_of(page)):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif outer.type in {"th_open", "td_open"}:
            tables[-1][-1].append(text_of(token))
    return tables


def targets_of(page: Path) -> list[tuple[Path, str]]:
    """The files that a page links or shows, each with the anchor in it, if any."""
    spans = (span for token in tokens_of(page) for span in token.children or ())
    links = [str(span.attrs.get("href") or span.attrs.get("src") or "") for span in spans]
    local = (link.partition("#") for link in links if link and "://" not in link)
    return [((page.parent / name).resolve() if name else page, anchor) for name, _, anchor in local]


def anchors_of(page: Path) -> set[str]:
    headings = (text_of(token) for outer, token in pairwise(tokens_of(page)) if outer.type == "heading_open")
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)

Run = Callable[[Path], dict[str, object]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Generator[Run]:
    """Runs the blocks of a page from top to bottom, in a folder of its own, and returns the names they define."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}

    def run_blocks(page: Path) -> dict[str, object]:
        for line, code, output in blocks_of(page):
            padded = "\n" * (line + 1) + code  # so that an error names the line of the page
            exec(compile(padded, str(page), "exec"), names)  # noqa: S102 - these are our own pages
            assert capsys.readouterr().out == output
        return names

    yield run_blocks
    for each in reversed(names.values()):
        if isinstance(each, ErrorPatternRepository | FailureHandler):
            each.close()
        elif isinstance(each, Engine):
            each.dispose()


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks_of(page))], ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_from_top_to_bottom(run: Run, page: Path) -> None:
    run(page)


def test_the_example_of_the_readme_shows_its_output() -> None:
    assert any(output for _, _, output in blocks_of(README))


@each_page
def test_every_link_resolves(page: Path) -> None:
    broken = [
        (path.name, anchor)
        for path, anchor in targets_of(page)
        if not (path.is_file() and path.is_relative_to(ROOT) and (not anchor or anchor in anchors_of(path)))
    ]
    assert broken == []


@pytest.mark.parametrize("start", [README, DOCS / "index.md"], ids=["README", "index"])
def test_every_page_is_linked(start: Path) -> None:
    linked = {path for path, _ in targets_of(start)}
    assert set(PAGES) - linked - {README, DOCS / "index.md"} == set()


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_test_command_is_the_one_that_continuous_integration_finds() -> None:
    text = README.read_text(encoding="utf-8")
    (section,) = re.findall(r"^<!-- test command -->$(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (command,) = re.findall("^python3.*$", section, re.MULTILINE)
    assert command.endswith("/nox")


def test_the_benchmarks_find_the_place_of_their_tables() -> None:
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert re.findall("^<!-- (/?benchmarks) -->$", text, re.MULTILINE) == ["benchmarks", "/benchmarks"]


Ask = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def ask(run: Run, runner: asyncio.Runner) -> Ask:
    """Asks the application of the page about FastAPI, which is started and stopped for it."""
    application = run(DOCS / "fastapi.md")["app"]
    assert isinstance(application, FastAPI)

    async def answer(request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with application.router.lifespan_context(application), httpx.AsyncClient(transport=transport) as client:
            return await client.send(request)

    return lambda request: runner.run(answer(request))


def test_the_application_finds_what_it_stored(ask: Ask) -> None:
    made = ask(httpx.Request("POST", "http://test/patterns", json={"pattern": "Disk full", "keywords": ["ENOSPC"]}))
    found = ask(httpx.Request("GET", "http://test/patterns", params={"context": "write failed: ENOSPC"}))
    assert found.json() == [made.json()]


def test_the_application_names_each_bad_field(ask: Ask) -> None:
    refused = ask(httpx.Request("POST", "http://test/patterns", json={"pattern": "", "frequency": -1}))
    bad = [error["loc"][-1] for error in refused.json()["detail"]]
    assert (refused.status_code, bad) == (422, ["pattern", "frequency"])


(RULES,) = (rows for head, *rows in tables_of(DOCS / "matching.md") if head[0] == "rule")
each_rule = pytest.mark.parametrize(
    ("keyword", "context", "other"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES]
)


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


def table_of(page: Path, heading: str) -> list[list[str]]:
    """The rows of the only table whose first column has this heading. An empty first cell repeats the one above it."""
    (rows,) = (rows for head, *rows in tables_of(page) if head[0] == heading)
    for above, row in pairwise(rows):
        row[0] = row[0] or above[0]
    return rows


def test_the_table_of_models_has_their_coefficients() -> None:
    documented: dict[str, list[float]] = {}
    for model, _, coefficient in table_of(DOCS / "matching.md", "model"):
        documented.setdefault(model, []).append(float(coefficient.replace("\N{MINUS SIGN}", "-")))
    models = {name: model for name, model in vars(evidence).items() if isinstance(model, evidence.Model)}
    assert documented == {name: [model.intercept, *model.coefficients] for name, model in models.items()}


def test_the_table_of_words_has_their_weights() -> None:
    rows = table_of(DOCS / "matching.md", "word")
    assert rows == [[word, f"{weight_of(word):.2f}"] for word, _ in rows]


def test_the_table_of_the_index_names_every_column() -> None:
    named = [(table, column) for table, column, _ in table_of(DOCS / "matching.md", "table")]
    assert named == [(table.name, column.name) for table in (indexed_phrases, postings) for column in table.columns]


@pytest.mark.parametrize(
    "said",
    [
        f"the last {ATTEMPT_CHARACTERS} characters, or the last command",
        f"to at most {FOLLOWED:,} places in the index",
        f"there {COMMON_TERM} times is common",
        f"scores the {CANDIDATES} patterns",
        f"the {MAX_TEXT_WORDS} heaviest words are indexed",
        f"It is {SAME_FAILURE_SCORE} for the same failure",
        f"a number or a run of symbols {NUMBER_WEIGHT}",
        f"Words of less than {MIN_WEIGHT} are no evidence",
        f"`RELEVANT_SCORE` is {RELEVANT_SCORE}.",
    ],
)
def test_the_page_about_matching_has_the_numbers_of_the_code(said: str) -> None:
    assert said in " ".join((DOCS / "matching.md").read_text(encoding="utf-8").split())


def commands_of(group: typer.core.TyperGroup) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from (f"{name} {inner}" for inner in commands_of(command))
        else:
            yield name


def test_the_table_of_commands_names_every_command_and_no_other() -> None:
    (rows,) = (rows for head, *rows in tables_of(DOCS / "command-line.md") if head[0] == "command")
    named = [re.match("[a-z-]+( [a-z]+)?", row[0]) for row in rows]
    assert isinstance(group := typer.main.get_command(app), typer.core.TyperGroup)
    assert sorted(match[0] for match in named if match) == sorted(commands_of(group))


def test_the_example_of_match_prints_what_the_page_shows(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ERROR_PATTERNS_DATABASE_URL", url)
    blocks = pairwise(tokens_of(DOCS / "command-line.md"))
    (example,) = (
        (code.content, output.content) for code, output in blocks if (code.info, output.info) == ("sh", "text")
    )
    commands, shown = example
    printed = ""
    for command in commands.replace("\\\n", "").splitlines():
        with pytest.raises(SystemExit):
            main(shlex.split(command)[1:])
        printed = capsys.readouterr().out
    assert re.sub("[0-9A-Z]{26}", "ID", printed) == re.sub("[0-9A-Z]{26}", "ID", shown)
