"""The shipped table of common words: its order, what it says of ordinary words, and when it is read."""

import importlib.resources
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_patterns.text.commonness import RAREST_LEVEL, TABLE, UNKNOWN_SHARE, document_share
from error_patterns.text.words import Words, stem

TEXT = importlib.resources.files("error_patterns.text").joinpath(TABLE).read_text(encoding="utf-8")
LINES = [line for line in TEXT.splitlines(keepends=True) if not line.startswith("#")]
WORDS = [word for line in LINES for word in line.split()[1:]]


class TestTable:
    def test_has_lines_of_a_level_and_its_words(self) -> None:
        assert [line for line in LINES if not re.fullmatch(r"\d+\t[^\W_]+( [^\W_]+)*\n", line)] == []

    def test_is_in_order(self) -> None:
        levels = [int(line.split()[0]) for line in LINES]
        assert levels == sorted(set(levels))
        assert [line for line in LINES if line.split()[1:] != sorted(line.split()[1:])] == []

    def test_ends_with_the_level_that_shares_of_unknown_words_follow_from(self) -> None:
        assert int(LINES[-1].split()[0]) == RAREST_LEVEL

    def test_has_each_of_some_thousand_words_once(self) -> None:
        assert len(WORDS) == len(set(WORDS))
        assert 4000 < len(WORDS) < 8000

    def test_is_small(self) -> None:
        assert len(TEXT.encode()) <= 80_000

    def test_has_the_words_that_index_terms_are(self) -> None:
        """A stem need not be its own stem: that of `database` is `databas`."""
        originals = {word: [word, f"{word}e"] for word in WORDS}
        assert [word for word, of in originals.items() if not any(Words(each).terms() == {word} for each in of)] == []

    def test_has_no_plural_beside_its_singular(self) -> None:
        stems = {"thes", "whos"}  # of `these` and `whose`
        assert {word for word in WORDS if stem(word) != word and stem(word) in WORDS} == stems

    def test_has_no_number(self) -> None:
        assert [word for word in WORDS if word.isnumeric()] == []


class TestDocumentShare:
    @pytest.mark.parametrize("word", "the and which may running server file error".split())
    def test_ordinary_words_are_common(self, word: str) -> None:
        assert document_share(stem(word)) > 1 / 200

    @pytest.mark.parametrize(
        ("commoner", "rarer"),
        [
            ("the", "which"),
            ("which", "docker"),
            ("file", "kubectl"),
            ("python", "terraform"),
            ("docker", "kubectl"),
            ("error", "deadlock"),
            ("kubectl", "zzxqv"),
        ],
    )
    def test_stop_words_are_commoner_than_tools_and_tools_than_unknown_words(self, commoner: str, rarer: str) -> None:
        assert document_share(commoner) > document_share(rarer)

    def test_the_name_of_a_single_package_is_not_common(self) -> None:
        assert document_share("cibuildwheel") < 1 / 500

    def test_a_word_that_is_not_in_the_table_is_half_as_common_as_the_rarest(self) -> None:
        rarest = LINES[-1].split()[1]
        assert document_share("zzxqv") == pytest.approx(document_share(rarest) / 2)

    @given(st.text())
    def test_is_a_share_for_any_text(self, text: str) -> None:
        assert 0 < UNKNOWN_SHARE <= document_share(text) <= 1


def test_the_table_is_read_with_the_first_question_only() -> None:
    code = f"""
import sys
opened = []
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
import error_patterns
from error_patterns.text.commonness import document_share
print(sum(name.endswith({TABLE!r}) for name in opened))
document_share("file"), document_share("server")
print(sum(name.endswith({TABLE!r}) for name in opened))
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["0", "1"]
