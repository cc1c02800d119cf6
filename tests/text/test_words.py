"""Text as words: when a keyword occurs in a context, and what holds for any text at all."""

import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import stoppable
from error_patterns.text.sanitize import cut, is_storable, one_line, storable, visible
from error_patterns.text.words import MAX_TERM_CHARACTERS, TERM_WORDS, Words, phrases_of, term_of

# What text from the wild is made of: every code point, with what the rules treat specially much more often.
ANY_TEXT = st.text(
    st.sampled_from("aAbBzZsSeEiI09_ .-%'\"\\/\n\t\x00\ud800\udfffßﬁİΣςüe\u0301中文かไทยकी😀\u200d\ufe0f\u200b　")
    | st.characters(codec=None, categories=None)
)


def occurs(keyword: str, context: str) -> bool:
    words = Words(context)
    return any(words.contains(phrase) for phrase in phrases_of(keyword))


class TestWholeWords:
    @pytest.mark.parametrize(
        ("keyword", "context"),
        [
            ("port", "the port is taken"),
            ("port", "port"),
            ("port", "bind(port=8080)"),
            ("port", "--port"),
            ("8080", "localhost:8080/health"),
            ("errno 111", "[Errno 111] Connection refused"),
            ("café", "le café est fermé"),
        ],
    )
    def test_a_word_occurs_between_spaces_and_punctuation(self, keyword: str, context: str) -> None:
        assert occurs(keyword, context)

    @pytest.mark.parametrize(
        ("keyword", "context"),
        [
            ("port", "important"),
            ("port", "portable"),
            ("port", "airport"),
            ("port", "port8080"),
            ("11", "111"),
            ("caf", "café"),
            ("cafe", "café"),
            ("timeout", "time out"),
            ("port", ""),
        ],
    )
    def test_a_part_of_a_word_does_not_occur(self, keyword: str, context: str) -> None:
        assert not occurs(keyword, context)


class TestIdentifiers:
    @pytest.mark.parametrize(
        ("keyword", "context"),
        [
            ("import", "ImportError"),
            ("error", "ImportError"),
            ("import error", "ImportError"),
            ("ImportError", "an importerror"),
            ("ImportError", "import error"),
            ("importerror", "ImportError"),
            ("import", "import_module"),
            ("import_module", "import module"),
            ("import_module", "importModule()"),
            ("importModule", "import_module"),
            ("importModule", "importmodule"),
            ("__init__", "def __init__(self):"),
            ("HTTPServerError", "http server error"),
            ("server", "HTTPServerError"),
            ("utf8", "utf8Decoder"),
            ("os.path.join", "os path join"),
            ("ImportError raised", "raised ImportError: ImportError raised"),
        ],
    )
    def test_an_identifier_counts_whole_and_by_its_parts(self, keyword: str, context: str) -> None:
        assert occurs(keyword, context)

    @pytest.mark.parametrize(
        ("keyword", "context"),
        [
            ("ImportError", "import"),
            ("port", "ImportError"),
            ("import_module", "module import"),
            ("error module", "ImportError of a module"),
        ],
    )
    def test_all_its_parts_are_needed_in_their_order(self, keyword: str, context: str) -> None:
        assert not occurs(keyword, context)

    @pytest.mark.parametrize("keyword", ["import error open file", "importerror openfile", "ImportError open_file"])
    def test_the_identifiers_of_a_phrase_count_all_by_their_parts_or_all_whole(self, keyword: str) -> None:
        assert occurs(keyword, "ImportError: openFile")

    @pytest.mark.parametrize("keyword", ["importerror open file", "import error openfile"])
    def test_a_phrase_does_not_mix_a_whole_identifier_with_parts_of_another(self, keyword: str) -> None:
        assert not occurs(keyword, "ImportError: openFile")


class TestCase:
    @pytest.mark.parametrize(
        ("keyword", "context"),
        [
            ("ECONNREFUSED", "econnrefused"),
            ("econnrefused", "ECONNREFUSED"),
            ("straße", "STRASSE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("προΐστασθαι", "ΠΡΟΪ́ΣΤΑΣΘΑΙ"),
            ("ОШИБКА", "ошибка"),
        ],
    )
    def test_any_case_is_the_same(self, keyword: str, context: str) -> None:
        assert occurs(keyword, context)

    @pytest.mark.parametrize(
        ("keyword", "context"),
        [
            ("file", "ﬁle"),
            ("error", "\uff45\uff52\uff52\uff4f\uff52"),
            ("エラー", "ｴﾗｰ"),
            ("caf\u00e9", "cafe\u0301"),
            ("x2", "x²"),
        ],
    )
    def test_compatible_spellings_are_the_same(self, keyword: str, context: str) -> None:
        assert occurs(keyword, context)
        assert occurs(context, keyword)


class TestPlurals:
    @pytest.mark.parametrize(
        ("singular", "plural"),
        [
            ("module", "modules"),
            ("query", "queries"),
            ("dependency", "dependencies"),
            ("cookie", "cookies"),
            ("zombie", "zombies"),
            ("key", "keys"),
            ("match", "matches"),
            ("cache", "caches"),
            ("crash", "crashes"),
            ("box", "boxes"),
            ("index", "indexes"),
            ("size", "sizes"),
            ("process", "processes"),
            ("class", "classes"),
            ("status", "statuses"),
            ("alias", "aliases"),
            ("database", "databases"),
            ("base", "bases"),
            ("use", "uses"),
            ("URL", "URLs"),
            ("API", "APIs"),
            ("ID", "IDs"),
            ("ImportError", "ImportErrors"),
            ("open file", "open files"),
        ],
    )
    def test_a_plain_plural_counts_as_its_singular(self, singular: str, plural: str) -> None:
        assert occurs(singular, plural)
        assert occurs(plural, singular)

    @pytest.mark.parametrize(
        ("word", "other"),
        [
            ("proces", "process"),
            ("statu", "status"),
            ("redi", "redis"),
            ("analysi", "analysis"),
            ("http", "https"),
            ("alia", "alias"),
            ("thi", "this"),
            ("panda", "pandas"),
            ("new", "news"),
            ("ha", "has"),
            ("dn", "dns"),
            ("clas", "class"),
        ],
    )
    def test_a_word_that_only_looks_like_a_plural_is_itself(self, word: str, other: str) -> None:
        assert occurs(other, other)
        assert not occurs(word, other)


class TestPhrases:
    @pytest.mark.parametrize(
        "context",
        [
            "no module named requests",
            "no  module\n\tnamed\r\nrequests",
            "no-module-named-requests",
            "no_module_named_requests",
            "'no', module: (named) [requests]",
            "NoModuleNamed requests",
            "no module no module named requests",
        ],
    )
    def test_a_phrase_occurs_across_white_space_and_punctuation(self, context: str) -> None:
        assert occurs("No module named 'requests'", context)

    @pytest.mark.parametrize(
        "context",
        ["no module named", "module named requests", "no module is named requests", "requests named module no"],
    )
    def test_a_phrase_needs_every_word_in_sequence(self, context: str) -> None:
        assert not occurs("No module named 'requests'", context)

    def test_a_phrase_of_many_words_is_compared_to_its_end(self) -> None:
        phrase = " ".join(f"word{n}" for n in range(500))
        assert occurs(phrase, f"before {phrase} after")
        assert not occurs(phrase, phrase.removesuffix("499") + "500")

    def test_very_long_words_are_compared_to_their_end(self) -> None:
        word = "x" * 5_000
        assert occurs(f"{word}a", f"in {word}a {word}b")
        assert not occurs(f"{word}a", f"in {word}b")


class TestScripts:
    @pytest.mark.parametrize(
        ("keyword", "context"),
        [
            ("连接", "数据库连接被拒绝"),
            ("連接被拒", "資料庫連接被拒絕"),
            ("接続", "サーバーに接続できません"),
            ("エラー", "接続エラーが発生"),
            ("การเชื่อมต่อ", "ข้อผิดพลาดการเชื่อมต่อล้มเหลว"),
            ("ချိတ်ဆက်မှု", "ဒေတာဘေ့စ်ချိတ်ဆက်မှုမအောင်မြင်ပါ"),
            ("timeout错误", "发生timeout错误了"),
        ],
    )
    def test_scripts_without_spaces_match_as_a_run_of_characters(self, keyword: str, context: str) -> None:
        assert occurs(keyword, context)

    @pytest.mark.parametrize(("keyword", "context"), [("连接", "接连不断"), ("连接", "连不接"), ("接続", "接着続く")])
    def test_such_a_run_is_in_order_and_unbroken(self, keyword: str, context: str) -> None:
        assert not occurs(keyword, context)

    @pytest.mark.parametrize(
        ("keyword", "context"),
        [("त्रुटि", "कनेक्शन त्रुटि हुई"), ("पिंग", "पिंग विफल"), ("خطأ", "حدث خطأ في الاتصال"), ("오류", "연결 오류 발생")],
    )
    def test_scripts_with_spaces_match_by_word(self, keyword: str, context: str) -> None:
        assert occurs(keyword, context)

    @pytest.mark.parametrize(("keyword", "context"), [("क", "की"), ("त्रु", "त्रुटि"), ("पग", "पिंग")])
    def test_combining_marks_belong_to_their_word(self, keyword: str, context: str) -> None:
        assert not occurs(keyword, context)


class TestSymbols:
    @pytest.mark.parametrize(
        ("keyword", "context"),
        [
            ("%", "disk at 100%"),
            (">>>", "a >>> b"),
            ("!=", "if a != b:"),
            ("_", "a_b"),
            ("🔥", "all is 🔥"),
            ("👩‍💻", "👩‍💻 broke it"),
            ("> >", "vector<vector<int> >"),
            ("-- --", "x -- -- y"),
            ("'\";--", "name = '\";--"),
        ],
    )
    def test_a_keyword_without_words_matches_as_those_characters(self, keyword: str, context: str) -> None:
        assert occurs(keyword, context)

    @pytest.mark.parametrize(
        ("keyword", "context"), [(">>>", "a > b >> c"), ("%", "100"), ("!=", "= !"), ("?!", "?a!")]
    )
    def test_it_needs_them_all_together(self, keyword: str, context: str) -> None:
        assert not occurs(keyword, context)

    def test_symbols_beside_words_only_separate(self) -> None:
        assert occurs("c++ compiler", "the C compiler")

    @pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
    def test_white_space_has_no_phrase(self, text: str) -> None:
        assert phrases_of(text) == ()


class TestAnyText:
    @given(ANY_TEXT)
    @example("\ud800")
    @example("> >")
    @example("㌖" * 50)
    @example("aB" * 50)
    @settings(deadline=None)
    def test_a_keyword_occurs_in_itself(self, text: str) -> None:
        assume(phrases_of(text))
        assert occurs(text, text)

    @given(ANY_TEXT, ANY_TEXT, st.sampled_from(["", " ", "_", ": "]))
    @settings(deadline=None)
    def test_a_short_phrase_occurs_exactly_where_its_term_does(self, keyword: str, text: str, between: str) -> None:
        words = Words(f"{text}{between}{keyword}{between}{text}")
        short = [phrase for phrase in phrases_of(keyword) if len(phrase) <= TERM_WORDS]
        assert [words.contains(phrase) for phrase in short] == [term_of(phrase) in words.terms() for phrase in short]

    @given(ANY_TEXT)
    @example("a" * 1_000)
    @example("aB" * 1_000)
    @settings(deadline=None)
    def test_terms_can_be_stored_and_are_short(self, text: str) -> None:
        terms = Words(text).terms()
        assert [term for term in terms if not is_storable(term) or not 0 < len(term) <= MAX_TERM_CHARACTERS] == []

    @pytest.mark.parametrize("unit", ["a.", "中", "\x00"])
    def test_a_megabyte_of_anything_has_its_terms(self, unit: str) -> None:
        assert Words(unit * (1_000_000 // len(unit))).terms()

    def test_the_worst_megabytes_take_linear_time(self) -> None:
        # Hours, if NFKC were to sort that many marks, or if the search began anew at each word.
        stoppable.run(
            r"""
            from error_patterns.text.words import Words
            assert Words("a" + "\u0301\u0323" * 500_000).terms()
            assert not Words("a " * 500_000).contains(("a",) * 4_999 + ("b",))
            """
        )

    @given(st.lists(st.sampled_from("abc"), max_size=40), st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
    def test_a_phrase_occurs_where_a_slice_of_the_words_equals_it(self, words: list[str], phrase: list[str]) -> None:
        slices = [words[start : start + len(phrase)] for start in range(len(words))]
        assert Words(" ".join(words)).contains(tuple(phrase)) == (phrase in slices)


class TestCut:
    @given(st.text(max_size=300), st.integers(0, 200))
    def test_the_result_is_never_longer_than_the_limit(self, text: str, limit: int) -> None:
        assert len(cut(text, limit)) <= limit

    @given(st.text(max_size=300), st.integers(0, 200))
    def test_nor_with_its_end_kept_and_a_cut_text_stays_as_it_is(self, text: str, limit: int) -> None:
        shortened = cut(text, limit, keep_end=True)
        assert len(shortened) <= limit
        assert cut(shortened, limit, keep_end=True) == shortened

    def test_a_text_that_fits_is_untouched(self) -> None:
        assert cut("x" * 100, 100) == "x" * 100
        assert cut("x" * 100, 100, keep_end=True) == "x" * 100

    def test_a_cut_is_marked_with_the_length_that_was(self) -> None:
        assert cut("ab" * 600, 50) == "ababababababababab" + " […cut, 1,200 characters in all]"
        assert cut("ab" * 600, 51, keep_end=True) == "ababababa" + " […cut, 1,200 characters in all] " + "babababab"


class TestStorable:
    def test_what_databases_cannot_hold_is_replaced(self) -> None:
        assert storable("a\x00b\ud83dc") == "a\ufffdb\ufffdc"

    @given(ANY_TEXT)
    def test_the_result_can_be_encoded_and_holds_no_nul(self, text: str) -> None:
        assert b"\x00" not in storable(text).encode()

    @given(ANY_TEXT)
    def test_storable_text_is_untouched(self, text: str) -> None:
        assume(is_storable(text))
        assert storable(text) == text


class TestVisible:
    @given(ANY_TEXT)
    def test_no_control_character_is_left_but_line_feeds_and_tabs(self, text: str) -> None:
        assert {c for c in visible(text) if unicodedata.category(c) == "Cc"} <= {"\n", "\t"}

    @pytest.mark.parametrize("category", ["Cc", "Cf", "Cs", "Zl", "Zp"])
    def test_invisible_characters_are_replaced(self, category: str) -> None:
        invisible = (chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == category)
        left = {character for character in invisible if character in visible(character)}
        assert left <= {
            "\n",
            "\t",
            *"\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd",
        }

    def test_a_windows_line_end_is_a_line_feed(self) -> None:
        assert visible("a\r\nb") == "a\nb"

    @given(ANY_TEXT)
    def test_one_line_is_one_line(self, text: str) -> None:
        assert len(one_line(text).splitlines()) <= 1
