"""All that must hold before a change lands.

`nox` runs what every change needs, `nox -s all` every check on every version, `nox --list` names them all.
"""

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
# An interpreter that is newer than all of these still runs the tests.
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHERS = [version for version in SUPPORTED if version != OURS and get_interpreter(version)]
OLDEST = next(version for version in (*SUPPORTED, OURS) if version in {*OTHERS, OURS})

INSTALLED = ".[asyncio,cli,postgres]"


def group(name: str) -> tuple[str, ...]:
    """Read the requirements of a dependency group of pyproject.toml."""
    return nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name)


@nox.session(python=OURS)
def lint(session: nox.Session) -> None:
    """Check the style, and find the mistakes that a linter can see."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=OURS)
def types(session: nox.Session) -> None:
    """Check all of our code with mypy --strict, and the package as a user of pyright sees it."""
    session.install(INSTALLED, *group("test"), *group("benchmarks"), *group("types"))
    session.run("mypy")
    session.run("pyright", "tests/typing")
    session.run("pyright", "--verifytypes", "error_patterns", "--ignoreexternal")


@nox.session(python=OURS)
def tests(session: nox.Session) -> None:
    """Run every test on this interpreter, with branch coverage that fails below the gate."""
    session.install(INSTALLED, *group("test"))
    env = {"COVERAGE_FILE": str(Path(session.create_tmp()).resolve() / ".coverage")}
    session.run("coverage", "erase", env=env)
    session.run("coverage", "run", "--parallel-mode", "-m", "pytest", *session.posargs, env=env)
    session.run("coverage", "combine", "--quiet", env=env)
    session.run("coverage", "report", env=env)


@nox.session(python=OTHERS, default=False)
def others(session: nox.Session) -> None:
    """Run the tests that versions can break on each other interpreter found."""
    session.install(INSTALLED, *group("test"))
    session.run("pytest", "-m", "versions", *session.posargs)


@nox.session(python=OLDEST, venv_backend="uv", default=False)
def lowest(session: nox.Session) -> None:
    """Run the same tests with the lowest versions that pyproject.toml admits."""
    session.install("--resolution=lowest-direct", INSTALLED, *group("test"))
    session.run("pytest", "-m", "versions", *session.posargs)


@nox.session(python=OURS)
def migrations(session: nox.Session) -> None:
    """Run Alembic from the repository root: up, compare with the declared schema, down, and up again."""
    session.install(".")
    url = f"url=sqlite:///{Path(session.create_tmp()).resolve()}/migrations.db"
    for command in (["upgrade", "head"], ["check"], ["downgrade", "base"], ["upgrade", "head"], ["current"]):
        session.run("alembic", "-x", url, *command)


@nox.session(python=OURS)
def package(session: nox.Session) -> None:
    """Try the wheel, built from the source distribution, in a clean environment outside the repository."""
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
    """Measure calls beside what one would write by hand, and write the tables and the plot into the documentation.

    It takes about 80 minutes, with `-- --largest=100000` half of that. Other options of pytest can be given as well.
    """
    session.install(INSTALLED, *group("benchmarks"))
    results = str(Path(session.create_tmp()).resolve() / "benchmarks.json")
    collected = ("-o", "python_files=bench_*.py", "tests/benchmarks")
    session.run(
        "pytest", "--numprocesses=0", *collected, "--benchmark-quiet", f"--benchmark-json={results}", *session.posargs
    )
    session.run("python", "-m", "benchmarks.report", results, env={"PYTHONPATH": "tests"})


@nox.session(python=False, default=False)
def versions(session: nox.Session) -> None:
    """Run `others` and `lowest`."""
    for version in OTHERS:
        session.notify(f"others-{version}")
    session.notify("lowest")


@nox.session(name="all", python=False, default=False)
def everything(session: nox.Session) -> None:
    """Run every check on every version: what `nox` runs by itself, and `versions`."""
    for name in ("lint", "types", "tests", "migrations", "package", "versions"):
        session.notify(name)
