"""The README tells the truth: its tour runs, and it names the commands that there are."""

import re
from pathlib import Path

import pytest
import typer
from sqlalchemy import Engine

from error_patterns import ErrorPatternRepository
from error_patterns.cli import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_code_of_the_tour_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "readme"}
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)):
        exec(compile(block, f"README block {number}", "exec"), names)  # noqa: S102 - it is our own README
    repository, engine = names["repository"], names["engine"]
    assert isinstance(repository, ErrorPatternRepository)
    assert isinstance(engine, Engine)
    repository.close()
    engine.dispose()


def test_the_table_of_commands_names_every_command() -> None:
    table = README.partition("## The command line")[2].partition("\n## ")[0]
    assert isinstance(command := typer.main.get_command(app), typer.core.TyperGroup)
    assert [name for name in command.commands if f"`{name}" not in table] == []


def test_the_test_command_is_the_one_that_continuous_integration_finds() -> None:
    assert len(re.findall(r"^<!-- test command -->\n```sh\npython3 .*nox$", README, re.MULTILINE)) == 1
