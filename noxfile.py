"""All that must hold before a change lands: `nox`. One session: `nox -s types`; their names: `nox --list`."""

import os
import shutil
import sys
from pathlib import Path

import nox
from python_discovery import get_interpreter

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
os.environ.setdefault("UV_SYSTEM_CERTS", "true")  # trust whom the machine trusts, as pip does

SUPPORTED = ("3.11", "3.12", "3.13")
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
# A machine whose one interpreter is newer than all of these still runs the tests, on that one.
FOUND = [version for version in SUPPORTED if version == OURS or get_interpreter(version)] or [OURS]

INSTALLED = ".[asyncio,cli,postgres]"
IN_PARALLEL = ("--numprocesses=auto", "--dist=worksteal")


def group(name: str) -> tuple[str, ...]:
    """The requirements of a dependency group of pyproject.toml."""
    return nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name)


@nox.session(python=OURS)
def lint(session: nox.Session) -> None:
    """Style, and the mistakes that a linter can see."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=OURS)
def types(session: nox.Session) -> None:
    """All of our code under mypy --strict, and the package as a user of pyright sees it."""
    session.install(INSTALLED, *group("test"), *group("benchmarks"), *group("types"))
    session.run("mypy")
    session.run("pyright", "tests/typing")
    session.run("pyright", "--verifytypes", "error_patterns", "--ignoreexternal")


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """The tests, on every interpreter found; on the newest with branch coverage, which fails below the gate."""
    session.install(INSTALLED, *group("test"))
    pytest = ("pytest", *IN_PARALLEL, *session.posargs)
    if session.python != FOUND[-1]:
        session.run(*pytest)
        return
    env = {"COVERAGE_FILE": str(Path(session.create_tmp()).resolve() / ".coverage")}
    session.run("coverage", "erase", env=env)
    session.run("coverage", "run", "--parallel-mode", "-m", *pytest, env=env)
    session.run("coverage", "combine", "--quiet", env=env)
    session.run("coverage", "report", env=env)


@nox.session(python=FOUND[0], venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The tests with the lowest versions that pyproject.toml admits."""
    session.install("--resolution=lowest-direct", INSTALLED, *group("test"))
    session.run("pytest", *IN_PARALLEL, *session.posargs)


@nox.session(python=OURS)
def migrations(session: nox.Session) -> None:
    """Alembic from the repository root: up, compared with the declared schema, down, and up again."""
    session.install(".")
    url = f"url=sqlite:///{Path(session.create_tmp()).resolve()}/migrations.db"
    for command in (["upgrade", "head"], ["check"], ["downgrade", "base"], ["upgrade", "head"], ["current"]):
        session.run("alembic", "-x", url, *command)


@nox.session(python=OURS)
def package(session: nox.Session) -> None:
    """The wheel, built from the source distribution, alone in a clean environment and outside the repository."""
    folder = Path(session.create_tmp()).resolve()
    session.install("build")
    shutil.rmtree(folder / "dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"))
    (wheel,) = (folder / "dist").glob("*.whl")
    clean = folder / "clean"
    session.run("python", "-m", "venv", "--clear", str(clean))
    programs = clean / ("Scripts" if sys.platform == "win32" else "bin")
    session.run(str(programs / "python"), "-m", "pip", "install", "--quiet", f"{wheel}[cli]", external=True)
    command = str(programs / "error-patterns")
    url = f"--database-url=sqlite:///{folder / 'package.db'}"
    (folder / "package.db").unlink(missing_ok=True)
    with session.chdir(folder):
        for arguments in (["db", "upgrade", url], ["db", "check", url], ["demo"], ["stats", url]):
            session.run(command, *arguments, external=True)


@nox.session(python=OURS, default=False)
def benchmarks(session: nox.Session) -> None:
    """How long calls take beside what one would write by hand: tables, a plot, and both in the README.

    It takes about 80 minutes, with `-- --largest=100000` half of that. Other options of pytest can be given as well.
    """
    session.install(INSTALLED, *group("benchmarks"))
    results = str(Path(session.create_tmp()).resolve() / "benchmarks.json")
    collected = ("-o", "python_files=bench_*.py", "tests/benchmarks")
    session.run("pytest", *collected, "--benchmark-quiet", f"--benchmark-json={results}", *session.posargs)
    session.run("python", "-m", "benchmarks.report", results, env={"PYTHONPATH": "tests"})
