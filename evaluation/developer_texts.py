"""Ordinary developer text: documents of about 1,000 characters, cut at line ends from the files of packages.

The documents are of four kinds: prose (docstrings too), code, configuration (that of CI too), and shell (examples in
prose too). Of a file and of a package only so many are taken, so that none dominates.
"""

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

from evaluation.packages import File

T = TypeVar("T")

KINDS = ("prose", "code", "configuration", "shell")
DOCUMENT_CHARACTERS = 1000
MOST_OF_A_FILE = 4
"""The most documents that are taken from a file."""

MOST_OF_A_PACKAGE = 40
"""The most documents of one kind that are taken from a package."""

_MOST_FILES = 120
"""The most files of a package that are looked at for one kind."""

_CODE = frozenset(
    ".c .cc .cjs .cpp .cs .go .h .hpp .java .js .jsx .kt .mjs .php .py .rb .rs .sql .swift .ts .tsx .vue".split()
)
_CONFIGURATION = frozenset(".cfg .cmake .conf .hcl .ini .json .mk .properties .service .tf .toml .yaml .yml".split())
_CONFIGURATION_NAMES = re.compile(
    r"(Dockerfile|Makefile|Jenkinsfile|Procfile)\b.*|.*requirements.*\.txt|CMakeLists\.txt"
)
_PROSE = frozenset(".markdown .md .rst .txt".split())
_SHELL = frozenset(".bash .bats .ps1 .sh .zsh".split())
_LEGAL = re.compile(r"(licen[cs]e|copying|notice|authors|contributors|code_of_conduct)", re.IGNORECASE)
_GENERATED = re.compile(
    r"\.egg-info/|\.dist-info/(?!METADATA)|\.min\.|-lock\.|\bthird_party/|\b(node_modules|fixtures|locales?)/"
)
_METADATA = re.compile(r".*\.dist-info/METADATA")
_LARGEST_CONFIGURATION = 20_000  # larger ones are data
_LONG_LINE = re.compile(".{1000}")
_SHORTEST_REST = 100
_SHELL_EXAMPLE = re.compile(
    r"^```(?:bash|sh|shell|console|zsh|terminal)\n(?P<fenced>.*?)^```"
    r"|^(?P<indent> *)\.\. (?:code-block|code|sourcecode|prompt):: *(?:bash|sh|shell|console|shell-session)\n"
    r"(?P<indented>(?:(?P=indent) +\S[^\n]*\n| *\n)+)",
    re.MULTILINE | re.DOTALL,
)


def documents_of(files: Iterable[File]) -> dict[str, list[str]]:
    """Return the documents of a package by their kind."""
    by_kind: dict[str, list[File]] = {kind: [] for kind in KINDS}
    for file in files:
        kind = _kind_of(file)
        if kind is not None:
            by_kind[kind].append(file)
    documents: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for kind, of_kind in by_kind.items():
        for file in _spread(of_kind, _MOST_FILES):
            documents[kind] += _cut(file.text)
            if kind == "prose":
                documents["shell"] += _cut("".join(_shell_examples(file.text)))
            elif file.path.endswith(".py"):
                documents["prose"] += _cut("\n\n".join(_docstrings(file.text)))
    return {kind: _spread(list(dict.fromkeys(found)), MOST_OF_A_PACKAGE) for kind, found in documents.items()}


def _spread(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many items, evenly spread over all of them."""
    count = min(len(items), most)
    return [items[index * len(items) // count] for index in range(count)]


def _cut(text: str) -> list[str]:
    """Return documents of a text, cut at line ends. Those in other scripts are left out, as is a short rest."""
    documents = [""]
    for line in text.splitlines(keepends=True):
        if len(documents[-1]) >= DOCUMENT_CHARACTERS:
            documents.append("")
        documents[-1] += line
    if len(documents[-1]) < _SHORTEST_REST:
        documents.pop()
    return _spread([each for each in documents if len(each.encode()) < 1.05 * len(each)], MOST_OF_A_FILE)


def _kind_of(file: File) -> str | None:
    """Return the kind of a file. Generated and legal files, and those of unknown names, have none."""
    name, suffix = PurePosixPath(file.path).name, PurePosixPath(file.path).suffix.lower()
    if _GENERATED.search(file.path) or _LEGAL.match(name) or _LONG_LINE.search(file.text):
        return None
    if _CONFIGURATION_NAMES.fullmatch(name) or suffix in _CONFIGURATION:
        return "configuration" if len(file.text) <= _LARGEST_CONFIGURATION else None
    if suffix in _PROSE or _METADATA.fullmatch(file.path):
        return "prose"
    if suffix in _CODE:
        return "code"
    return "shell" if suffix in _SHELL else None


def _shell_examples(prose: str) -> Iterator[str]:
    for example in _SHELL_EXAMPLE.finditer(prose):
        yield textwrap.dedent(example["fenced"] or example["indented"] or "").strip() + "\n\n"


def _docstrings(code: str) -> Iterator[str]:
    """Return the docstrings of Python code. Code of other versions than this one's has none."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from filter(None, [ast.get_docstring(node)])
