"""Make the table of `error_patterns.text.commonness` from the texts of pinned packages.

    python -m evaluation.document_frequencies CACHE [--counts FILE]

CACHE is a folder for the downloads. With the same list of packages, and the same
version of Python to find docstrings with, the table is the same, byte for byte.

The share of a word is the mean of its shares in the documents of each kind, so that the kinds count alike.
For each word the three packages that have it most are left out: a word of one package, such as its own name, is not
common.
"""

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from error_patterns.text import commonness
from error_patterns.text.commonness import RAREST_LEVEL, STEPS_PER_OCTAVE
from error_patterns.text.words import Words
from evaluation.developer_texts import DOCUMENT_CHARACTERS, documents_of
from evaluation.packages import Package, download, is_permitted, licence, read_archive, read_list

TABLE = Path(commonness.__file__).with_name(commonness.TABLE)
LEFT_OUT = 3
"""The number of packages left out for each word."""

_RAREST_WITH_DIGITS = RAREST_LEVEL - 2 * STEPS_PER_OCTAVE  # most are names of versions and examples


class Counts:
    """The number of documents of each kind, and of each word in each package that has it."""

    def __init__(self) -> None:
        """Begin with no documents."""
        self.packages = 0
        self.documents = Counter[str]()
        self.words: dict[str, list[Counter[str]]] = {}

    def add(self, documents: Mapping[str, Sequence[str]]) -> None:
        """Count the documents of a package, by their kind."""
        self.packages += 1
        words: dict[str, Counter[str]] = {}
        for kind, of_kind in documents.items():
            self.documents[kind] += len(of_kind)
            for word in (word for document in of_kind for word in words_of(document)):
                words.setdefault(word, Counter())[kind] += 1
        for word, counts in words.items():
            self.words.setdefault(word, []).append(counts)

    def shares(self) -> dict[str, float]:
        """Return the share of each word: the mean of all kinds, without the packages that have it most."""
        return {word: sum(sorted(map(self._share, packages))[:-LEFT_OUT]) for word, packages in self.words.items()}

    def _share(self, counts: Mapping[str, int]) -> float:
        return sum(count / self.documents[kind] for kind, count in counts.items()) / len(self.documents)


def words_of(document: str) -> set[str]:
    """Return the index terms of a document that are one word and no number."""
    terms = Words(document).terms()
    return {term for term in terms if term[0].isalnum() and " " not in term and not term.isnumeric()}


def count(packages: Iterable[Package], cache: Path) -> Counts:
    """Count the words of the packages."""
    counts = Counts()
    for package in packages:
        files = read_archive(download(package, cache))
        if not is_permitted(licence(files)):
            raise SystemExit(f"{package.pin}: the licence is {licence(files)!r}. Take the package off the list.")
        counts.add(documents_of(files))
    return counts


def levels_of(shares: Mapping[str, float]) -> dict[int, list[str]]:
    """Return the words of each level that the table has, both in order."""
    levels: dict[int, list[str]] = {}
    for word, share in sorted(shares.items()):
        level = round(-STEPS_PER_OCTAVE * math.log2(share)) if share else math.inf
        if level <= (_RAREST_WITH_DIGITS if any(map(str.isdigit, word)) else RAREST_LEVEL):
            levels.setdefault(int(level), []).append(word)
    return dict(sorted(levels.items()))


def table(counts: Counts) -> str:
    """Return the text of the table."""
    documents = f"{counts.documents.total():,} documents of about {DOCUMENT_CHARACTERS:,} characters"
    header = f"""\
# How common words are in ordinary developer text. Made by evaluation/document_frequencies.py: change nothing by hand.
# Counted in {documents} of {counts.packages} packages.
# evaluation/developer_packages.txt names them. Their licences are MIT, BSD, Apache-2.0, ISC and PSF.
# A line has a level and its words. Words of level n are in a share of 2 ** (-n / {STEPS_PER_OCTAVE}) of all documents.
"""
    lines = (f"{level}\t{' '.join(words)}\n" for level, words in levels_of(counts.shares()).items())
    return header + "".join(lines)


def dump(counts: Counts) -> str:
    """Return the counts as they are, of all words in at least 3 documents, and their shares."""
    frequencies = {
        word: sum(counter.total() for counter in packages) for word, packages in sorted(counts.words.items())
    }
    kept = {word: frequency for word, frequency in frequencies.items() if frequency >= 3}
    shares = counts.shares()
    kinds = dict(counts.documents)
    documents = counts.documents.total()
    return json.dumps(
        {"documents": documents, "kinds": kinds, "words": kept, "shares": {word: shares[word] for word in kept}}
    )


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description="Make the table of common words.")
    parser.add_argument("cache", type=Path, help="the folder for the downloads")
    parser.add_argument("--counts", type=Path, help="a file for the counts as they are, as JSON")
    arguments = parser.parse_args()
    counts = count(read_list(), arguments.cache)
    TABLE.write_text(table(counts), encoding="utf-8")
    if arguments.counts:
        arguments.counts.write_text(dump(counts), encoding="utf-8")


if __name__ == "__main__":
    main()
