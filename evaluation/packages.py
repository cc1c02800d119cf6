"""The packages that the evaluation reads: a pinned list, downloaded once, and only of licences that allow their use."""

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).with_name("developer_packages.txt")

_PERMITTED = re.compile(
    r"\b(0BSD|Apache|BSD|CC0|ISC|MIT|PSF|Public Domain|Python Software Foundation|Unlicense)\b", re.IGNORECASE
)
_REFUSED = re.compile("GPL|General Public", re.IGNORECASE)
_METADATA = re.compile(r"[^/]+/(PKG-INFO|package\.json)|[^/]+\.dist-info/METADATA")


class Package(NamedTuple):
    """A line of the list: the form to download (`sdist`, `wheel` or `npm`), and the exact version."""

    form: str
    pin: str


class File(NamedTuple):
    """A text file of a package."""

    path: str
    text: str


def read_list() -> list[Package]:
    """Read the pinned list."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [Package(*line.split()) for line in lines if line and not line.startswith("#")]


def download(package: Package, cache: Path) -> Path:
    """Return the archive of a package. It is downloaded if the cache does not have it."""
    folder = cache / package.form / package.pin.replace("/", "+")
    if not folder.is_dir() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(_command(package, folder), check=True, timeout=600)  # noqa: S603 - of a name and a version in the list
    (archive,) = folder.iterdir()
    return archive


def _command(package: Package, folder: Path) -> list[str]:
    if package.form == "npm":
        return ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), package.pin]
    name = package.pin.partition("==")[0]
    choice = {"sdist": ["--no-binary", name], "wheel": ["--only-binary", name]}[package.form]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    return [*pip, *choice, "--dest", str(folder), package.pin]


def read_archive(archive: Path) -> list[File]:
    """Read the text files of an archive, in the order of their paths. Files that are not UTF-8 are left out."""
    return sorted(_files_of_zip(archive) if zipfile.is_zipfile(archive) else _files_of_tar(archive))


def _files_of_zip(archive: Path) -> Iterator[File]:
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            yield from _decoded(name, opened.read(name))


def _files_of_tar(archive: Path) -> Iterator[File]:
    with tarfile.open(archive) as opened:
        for member in opened:
            content = opened.extractfile(member) if member.isfile() else None
            if content is not None:
                yield from _decoded(member.name, content.read())


def _decoded(path: str, content: bytes) -> Iterator[File]:
    if b"\x00" not in content[:1000]:
        try:
            yield File(path, content.decode())
        except UnicodeDecodeError:
            return


def licence(files: list[File]) -> str:
    """Return the licence that the metadata of a package declares."""
    metadata = min((file for file in files if _METADATA.fullmatch(file.path)), key=lambda file: len(file.path))
    if metadata.path.endswith(".json"):
        return str(json.loads(metadata.text).get("license"))
    fields = Parser().parsestr(metadata.text)
    classifiers = [value for value in fields.get_all("Classifier", []) if value.startswith("License :: ")]
    named = [value.rpartition(" :: ")[2] for value in classifiers if value != "License :: OSI Approved"]
    written = (fields["License"] or "").strip().partition("\n")[0]
    return fields["License-Expression"] or " AND ".join(named) or written


def is_permitted(declared: str) -> bool:
    """Return whether the declared licence allows the use of the texts. One of several to choose from is enough."""
    choices = re.split(r"\bOR\b", declared)
    return any(all(map(_permits, re.split(r"\bAND\b", choice))) for choice in choices)


def _permits(name: str) -> bool:
    return bool(_PERMITTED.search(name)) and not _REFUSED.search(name)
