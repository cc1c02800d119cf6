"""How the table of common words is made: which licences are permitted, what a document is, what share a word has."""

import zipfile
from pathlib import Path

import pytest

from error_patterns.text.commonness import RAREST_LEVEL
from evaluation.developer_texts import DOCUMENT_CHARACTERS, MOST_OF_A_FILE, MOST_OF_A_PACKAGE, documents_of
from evaluation.document_frequencies import Counts, levels_of, words_of
from evaluation.packages import File, is_permitted, licence, read_archive, read_list

PARAGRAPHS = "".join(f"Line {number} tells how the server is started and stopped again.\n" for number in range(600))


class TestLicence:
    @pytest.mark.parametrize("declared", ["MIT", "BSD-3-Clause", "Apache-2.0 AND MIT", "GPL-2.0 OR MIT", "MIT License"])
    def test_is_permitted_where_one_choice_is(self, declared: str) -> None:
        assert is_permitted(declared)

    @pytest.mark.parametrize(
        "declared",
        ["", "None", "GPL-3.0-only", "MIT AND MPL-2.0", "MIT AND LGPL-3.0-only", "MIT/GPLv2", "LIMIT"],
    )
    def test_is_refused_where_a_part_is_not(self, declared: str) -> None:
        assert not is_permitted(declared)

    @pytest.mark.parametrize(
        ("path", "text", "declared"),
        [
            ("shop-1.0/PKG-INFO", "Name: shop\nLicense-Expression: MIT\nLicense: other\n\n", "MIT"),
            ("shop-1.0.dist-info/METADATA", "Name: shop\nLicense: BSD 3-Clause\n\n", "BSD 3-Clause"),
            (
                "shop-1.0/PKG-INFO",
                "Classifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: MIT License\n\n",
                "MIT License",
            ),
            ("package/package.json", '{"license": "ISC"}', "ISC"),
            ("package/package.json", "{}", "None"),
        ],
    )
    def test_is_read_from_the_metadata(self, path: str, text: str, declared: str) -> None:
        assert licence([File(path, text), File("shop-1.0/src/shop.egg-info/PKG-INFO", "License: GPL")]) == declared

    def test_an_archive_is_read_in_the_order_of_its_paths_without_binary_files(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "shop.whl", "w") as archive:
            for name, content in (("b.txt", b"text"), ("a.txt", b"text"), ("c.so", b"\0"), ("d.txt", b"\xff")):
                archive.writestr(name, content)
        assert [file.path for file in read_archive(tmp_path / "shop.whl")] == ["a.txt", "b.txt"]


def test_the_list_pins_each_package_once() -> None:
    packages = read_list()
    assert {package.form for package in packages} == {"npm", "sdist", "wheel"}
    assert len({package.pin.lower() for package in packages}) == len(packages)
    assert [p for p in packages if ("@" if p.form == "npm" else "==") not in p.pin[1:]] == []


class TestDocuments:
    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("docs/index.rst", "prose"),
            ("src/shop.go", "code"),
            ("Dockerfile.dev", "configuration"),
            (".github/workflows/test.yml", "configuration"),
            ("requirements/dev-requirements.txt", "configuration"),
            ("run.sh", "shell"),
        ],
    )
    def test_are_of_the_kind_of_their_file(self, path: str, kind: str) -> None:
        documents = documents_of([File(path, PARAGRAPHS[:3000])])
        assert [each for each, found in documents.items() if found] == [kind]

    @pytest.mark.parametrize("path", ["LICENSE.txt", "logo.svg", "package-lock.json", "shop.egg-info/SOURCES.txt"])
    def test_are_none_of_legal_generated_and_unknown_files(self, path: str) -> None:
        assert not any(documents_of([File(path, PARAGRAPHS[:3000])]).values())

    def test_are_whole_lines_of_about_1_000_characters(self) -> None:
        for document in documents_of([File("README.md", PARAGRAPHS)])["prose"]:
            assert document in PARAGRAPHS
            assert document.startswith("Line")
            assert document.endswith("\n")
            assert DOCUMENT_CHARACTERS <= len(document) <= DOCUMENT_CHARACTERS + 100

    def test_are_few_of_each_file_and_package(self) -> None:
        files = [File(f"docs/{number}.md", PARAGRAPHS.replace("server", f"server{number}")) for number in range(50)]
        assert len(documents_of(files[:1])["prose"]) == MOST_OF_A_FILE
        assert len(documents_of(files)["prose"]) == MOST_OF_A_PACKAGE

    def test_have_the_docstrings_of_code_as_prose(self) -> None:
        code = f'def start():\n    """Start the server.\n\n    {"It waits for the port. " * 10}\n    """\n'
        (docstring,) = documents_of([File("shop.py", code)])["prose"]
        assert docstring.startswith("Start the server.")

    @pytest.mark.parametrize(
        ("path", "example"),
        [
            ("README.md", "Type:\n\n```console\n{commands}```\n\nThen wait.\n"),
            ("README.rst", "Type:\n\n.. code-block:: console\n\n    {commands}\nThen wait.\n"),
        ],
    )
    def test_have_the_examples_of_prose_as_shell(self, path: str, example: str) -> None:
        commands = f"$ shop start {'--port 80 ' * 15}\n"
        (shell,) = documents_of([File(path, example.format(commands=commands))])["shell"]
        assert shell.strip() == commands.strip()


class TestShare:
    def test_words_are_single_terms_and_no_numbers(self) -> None:
        assert words_of("ImportErrors: 3 == utf8!") == {"import", "error", "importerror", "utf8"}

    def test_is_the_mean_of_all_kinds_without_the_packages_that_have_a_word_most(self) -> None:
        counts = Counts()
        for name in "abcde":
            counts.add({"prose": [f"the {name}", "other"], "code": [name, name]})
        shares = counts.shares()
        assert shares["the"] == pytest.approx(2 / 10 / 2)
        assert shares["a"] == 0

    def test_is_a_level_of_quarter_octaves(self) -> None:
        shares = {"the": 1 / 2, "a": 1 / 2.1, "utf8": 1 / 4, "sha1024": 2**-11, "error": 1 / 4, "rare": 2**-20, "no": 0}
        assert levels_of(shares) == {4: ["a", "the"], 8: ["error", "utf8"]}
        assert RAREST_LEVEL == 48
