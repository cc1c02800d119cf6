"""The rule of the architecture: imports run down the floors of the package, and one way inside a folder."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "error_patterns"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE

# The lowest first. A floor imports from those below it.
FLOORS = [
    {"errors"},
    {"text"},
    {"matching"},
    {"redaction"},
    {"failures"},
    {"models"},
    {"database"},
    {"migrate"},
    {"guidance"},
    {"operations"},
    {"capture"},
    {"repository", "async_repository"},
    {"cli", "__init__", "__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
BESIDE = {("async_repository", "repository"), ("__main__", "cli")}  # arrows on one floor
AT_THE_ROOT = {"__init__", "__main__", "repository", "async_repository", "guidance", "migrate", "errors"}
MODULE_LINES = 300
FUNCTION_LINES = 40


class Arrow(NamedTuple):
    """An import: from the module that imports to the one that it needs."""

    importer: str
    imported: str

    def rooms(self) -> tuple[str, str]:
        return room_of(self.importer), room_of(self.imported)


def modules_in(source: Path) -> dict[str, ast.Module]:
    """Parse the package: each module by its dotted name."""
    return {name_of(path, source): ast.parse(path.read_text()) for path in sorted(source.rglob("*.py"))}


def name_of(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    is_package = len(parts) > 1 and parts[-1] == "__init__"
    return ".".join((PACKAGE, *(parts[:-1] if is_package else parts)))


def room_of(module: str) -> str:
    """Name the folder, or the single module, that a module is in."""
    return module.split(".")[1] if "." in module else "__init__"


def arrows_of(modules: Mapping[str, ast.Module]) -> set[Arrow]:
    """Find every import of the package by the package, those inside functions included."""
    return {Arrow(name, target) for name, tree in modules.items() for target in imported_by(tree, modules)}


def imported_by(tree: ast.Module, modules: Mapping[str, ast.Module]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this test can read them"
            if node.module and node.module.split(".")[0] == PACKAGE:
                for alias in node.names:
                    submodule = f"{node.module}.{alias.name}"
                    yield submodule if submodule in modules else node.module


def upward(arrows: set[Arrow]) -> list[str]:
    """List the arrows between rooms that do not run down."""

    def runs_down(importer: str, imported: str) -> bool:
        return FLOOR[importer] > FLOOR[imported] or (importer, imported) in BESIDE

    between = {arrow for arrow in arrows if arrow.rooms()[0] != arrow.rooms()[1]}
    return sorted(f"{a.importer} -> {a.imported}" for a in between if not runs_down(*a.rooms()))


def circle(arrows: set[Arrow]) -> list[str]:
    """Find modules that import each other in a circle."""
    graph: dict[str, set[str]] = {}
    for importer, imported in arrows:
        if importer != imported:
            graph.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def long_modules(source: Path) -> list[str]:
    lengths = {str(path.relative_to(source)): len(path.read_text().splitlines()) for path in source.rglob("*.py")}
    return sorted(f"{name}: {lines}" for name, lines in lengths.items() if lines > MODULE_LINES)


def long_functions(modules: Mapping[str, ast.Module]) -> list[str]:
    lengths = [
        (f"{module}.{node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for module, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return sorted(f"{name}: {lines}" for name, lines in lengths if lines > FUNCTION_LINES)


def rooms_without_a_floor(source: Path) -> list[str]:
    """List what stands at the root and is in neither of the two tables above."""
    single = {path.stem for path in source.glob("*.py")}
    folders = {path.relative_to(source).parts[0] for path in source.rglob("*.py") if path.parent != source}
    return sorted((single - AT_THE_ROOT) | (folders - FLOOR.keys()))


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    return modules_in(SOURCE)


@pytest.fixture(scope="module")
def arrows(modules: dict[str, ast.Module]) -> set[Arrow]:
    return {arrow for arrow in arrows_of(modules) if FLOOR.keys() >= set(arrow.rooms())}


class TestPackage:
    def test_has_a_floor_for_each_folder_and_each_module_at_its_root(self) -> None:
        assert rooms_without_a_floor(SOURCE) == []

    def test_imports_only_from_floors_below(self, arrows: set[Arrow]) -> None:
        assert upward(arrows) == []

    def test_imports_in_no_circle(self, arrows: set[Arrow]) -> None:
        assert circle(arrows) == []

    @pytest.mark.parametrize("room", ["text", "matching", "redaction", "failures"])
    def test_has_rooms_that_need_no_database(self, room: str) -> None:
        # Without running the package's own `__init__`, which imports all of it.
        program = (
            "import importlib, sys, types\n"
            f"package = sys.modules['{PACKAGE}'] = types.ModuleType('{PACKAGE}')\n"
            f"package.__path__ = [{str(SOURCE)!r}]\n"
            f"importlib.import_module('{PACKAGE}.{room}')\n"
            "print({'sqlalchemy', 'sqlmodel', 'pydantic'} & sys.modules.keys())"
        )
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert printed.stdout == "set()\n"

    def test_has_no_long_module(self) -> None:
        assert long_modules(SOURCE) == []

    def test_has_no_long_function(self, modules: dict[str, ast.Module]) -> None:
        assert long_functions(modules) == []


class TestRule:
    """Each rule finds what breaks it, in a package made for that."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        for name in ("errors", "text/__init__", "text/words", "models/__init__", "models/fields", "cli/__init__"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / f"{name}.py").touch()
        return tmp_path

    @pytest.mark.parametrize(
        ("module", "code"),
        [
            ("text/words", "import error_patterns.models.fields"),
            ("text/words", "from error_patterns.models import fields"),
            ("text/words", "from error_patterns.models.fields import MAX"),
            ("text/words", "def count():\n    from error_patterns.models import fields"),
            ("text/words", "if TYPE_CHECKING:\n    from error_patterns.models import fields"),
        ],
    )
    def test_finds_an_import_that_runs_up(self, source: Path, module: str, code: str) -> None:
        (source / f"{module}.py").write_text(code)
        assert upward(arrows_of(modules_in(source)))[0].startswith("error_patterns.text.words -> error_patterns.models")

    def test_finds_an_import_of_the_whole_package(self, source: Path) -> None:
        (source / "text/words.py").write_text("from error_patterns import ErrorPattern")
        assert upward(arrows_of(modules_in(source))) == ["error_patterns.text.words -> error_patterns"]

    def test_allows_an_import_that_runs_down(self, source: Path) -> None:
        (source / "models/fields.py").write_text("from error_patterns.text import words")
        (source / "models/__init__.py").write_text("from error_patterns.models.fields import MAX")
        arrows = arrows_of(modules_in(source))
        assert (len(arrows), upward(arrows), circle(arrows)) == (2, [], [])

    @pytest.mark.parametrize(
        "files",
        [
            {"words": "from error_patterns.text import stems", "stems": "from error_patterns.text.words import Words"},
            {
                "words": "from error_patterns.text import Stem",
                "__init__": "from error_patterns.text.words import Words",
            },
        ],
        ids=["of two modules", "through the folder"],
    )
    def test_finds_a_circle(self, source: Path, files: dict[str, str]) -> None:
        for name, code in files.items():
            (source / f"text/{name}.py").write_text(code)
        assert "error_patterns.text.words" in circle(arrows_of(modules_in(source)))

    def test_finds_a_module_without_a_floor(self, source: Path) -> None:
        (source / "helpers.py").touch()
        (source / "utils").mkdir()
        (source / "utils/anything.py").touch()
        assert rooms_without_a_floor(source) == ["helpers", "utils"]

    def test_finds_a_long_module(self, source: Path) -> None:
        (source / "errors.py").write_text("\n" * (MODULE_LINES + 1))
        assert long_modules(source) == [f"errors.py: {MODULE_LINES + 1}"]

    def test_finds_a_long_function(self, source: Path) -> None:
        (source / "errors.py").write_text("class A:\n    async def f():\n" + "        pass\n" * FUNCTION_LINES)
        assert long_functions(modules_in(source)) == [f"error_patterns.errors.f: {FUNCTION_LINES + 1}"]
