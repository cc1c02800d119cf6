"""Secrets are removed from a failure text, and nothing else is."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_patterns.redaction import EVERY_RULE, NO_REDACTION, REDACTION_RULES, Redaction
from redaction_corpus import (
    BEGIN,
    END,
    FAILURES,
    HARMLESS,
    LONG_SECRETS,
    ONLY_OF,
    PEM,
    SHAPES,
    SLOW_UNITS,
    Failure,
)

redact = EVERY_RULE.redact


class TestSecrets:
    @pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
    def test_no_secret_survives(self, failure: Failure) -> None:
        assert failure.secret in failure.text
        assert failure.secret not in redact(failure.text)

    @pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
    def test_what_was_taken_out_shows_and_what_stands_around_it_stays(self, failure: Failure) -> None:
        before, after = redact(failure.text).split("[redacted]")
        assert failure.text.startswith(before)
        assert failure.text.endswith(after)

    def test_only_the_secret_goes(self) -> None:
        text = "could not connect to postgresql://app:hunter2@db.internal:5432/orders after 3 attempts"
        assert redact(text) == text.replace("hunter2", "[redacted]")

    @pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "PGP "])
    def test_private_keys_go_whole(self, kind: str) -> None:
        assert redact(f"cannot load\n{PEM.format(kind, kind)}\nwrong format") == (
            f"cannot load\n{BEGIN.format(kind)}[redacted]{END.format(kind)}\nwrong format"
        )

    @pytest.mark.parametrize("line_break", ["\n", "\\n", "\\\\n", "\r\n", " "])
    def test_a_private_key_that_was_cut_off_goes_to_the_end(self, line_break: str) -> None:
        cut_off = BEGIN.format("RSA ") + line_break + "a1B2c3D4" * 5 + line_break + "MIIE"
        assert redact(cut_off) == BEGIN.format("RSA ") + "[redacted]"

    def test_redacting_again_changes_nothing(self) -> None:
        redacted = [redact(failure.text) for failure in FAILURES.values()]
        assert list(map(redact, redacted)) == redacted

    def test_every_secret_of_a_text_goes(self) -> None:
        redacted = redact("\n".join(failure.text for failure in FAILURES.values()))
        assert [secret for secret in LONG_SECRETS if secret in redacted] == []


class TestHarmlessText:
    def test_it_is_untouched(self) -> None:
        touched = [(text, redact(text)) for text in HARMLESS if redact(text) != text]
        assert len(HARMLESS) >= 450
        assert touched == []

    def test_it_is_untouched_as_one_text(self) -> None:
        together = "\n".join(HARMLESS)
        assert redact(together) == together


WORDS = ["[redacted]", "password", "token", "api key", "session_id", " is ", "_key", "eyJ", "foo", "x1", "1"]
SIGNS = [" != ", "=", ": ", " = ", ":", "'", '"', '\\"', "\\", "\n", " ", ", ", ";", "&", "\0", "\ud800"]
BRACKETS = ["(", ")", "[", "]", "{", "}", "<", ">", "@", "/", "://", "-", "--", "."]
STARTS = [BEGIN.format(""), END.format(""), "Authorization: ", "Cookie: a=", "Bearer ", "mysql -p", "curl -u a:"]
PIECES = [
    *(failure.text for failure in FAILURES.values()),
    *HARMLESS,
    *(shape.secret for shape in SHAPES.values()),
    *(WORDS + SIGNS + BRACKETS + STARTS),
]
TEXTS = st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


class TestAnyText:
    @given(TEXTS)
    @settings(deadline=None)
    def test_redacting_again_changes_nothing(self, text: str) -> None:
        assert redact(redact(text)) == redact(text)

    @given(
        TEXTS, st.sampled_from([r"\w+", r".*", r"b|$", r"(?P<secret>x)?y?", r"\[redacted\]", "(?i)PASS(?P<secret>.)"])
    )
    @settings(deadline=None)
    def test_what_is_hidden_is_never_hidden_again(self, text: str, pattern: str) -> None:
        redaction = Redaction((pattern,))
        assert "[[redacted]" not in redaction.redact("".join(each for each in text if each not in "[]"))

    @given(TEXTS)
    @settings(deadline=None)
    def test_it_is_untouched_without_rules(self, text: str) -> None:
        assert NO_REDACTION.redact(text) == text


class TestRuleNames:
    @pytest.mark.parametrize("name", REDACTION_RULES)
    def test_each_rule_can_be_switched_off(self, name: str) -> None:
        failure = ONLY_OF[name]
        assert redact(failure) != failure
        assert Redaction(without=frozenset({name})).redact(failure) == failure

    def test_the_other_rules_stay_on(self) -> None:
        without_urls = Redaction(without=frozenset({"url-password"}))
        assert without_urls.redact("redis://:hunter2@cache and token=hunter2") == (
            "redis://:hunter2@cache and token=[redacted]"
        )

    def test_an_unknown_name_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(ValueError, match=r"no rule is named 'githib'.*private-key.*github"):
            Redaction(without=frozenset({"githib"}))


class TestPatternsOfTheCaller:
    @pytest.mark.parametrize("pattern", [r"CUST-\d+", re.compile(r"cust-\d+", re.IGNORECASE)])
    def test_what_they_match_is_hidden(self, pattern: str | re.Pattern[str]) -> None:
        assert Redaction((pattern,)).redact("no CUST-12, no CUST-13") == "no [redacted], no [redacted]"

    def test_only_their_group_of_that_name_is_hidden(self) -> None:
        redaction = Redaction((r"customer (?P<secret>\w+) of (?P<name>\w+)",))
        assert redaction.redact("customer ada of acme") == "customer [redacted] of acme"

    def test_they_work_where_every_rule_is_off(self) -> None:
        redaction = Redaction(("ada",), without=NO_REDACTION.without)
        assert redaction.redact("ada: token=hunter2") == "[redacted]: token=hunter2"

    def test_they_hide_nothing_where_they_match_nothing(self) -> None:
        assert Redaction(("x*", "(?P<secret>x)?y")).redact("any y") == "any y"

    @pytest.mark.parametrize("pattern", ["(", "a{9999999999999}", "(?P<secret>a"])
    def test_a_broken_one_is_refused(self, pattern: str) -> None:
        with pytest.raises(ValueError, match="is no valid expression"):
            Redaction(("fine", pattern))


def seconds(redaction: Redaction, text: str) -> float:
    started = time.process_time()
    redaction.redact(text)
    return time.process_time() - started


class TestTime:
    """Square time is minutes for 1 MB, and seconds for 40 KB."""

    @pytest.mark.parametrize(("name", "unit"), [(name, unit) for name, units in SLOW_UNITS.items() for unit in units])
    def test_no_repetition_takes_square_time(self, name: str, unit: str) -> None:
        alone = Redaction(without=NO_REDACTION.without - {name})
        assert seconds(alone, unit * (40_000 // len(unit))) < 1

    @pytest.mark.parametrize("name", REDACTION_RULES)
    def test_a_megabyte_takes_seconds(self, name: str) -> None:
        alone = Redaction(without=NO_REDACTION.without - {name})
        share = 1_000_000 // len(SLOW_UNITS[name])
        assert seconds(alone, "\n".join(unit * (share // len(unit)) for unit in SLOW_UNITS[name])) < 5

    @pytest.mark.parametrize("unit", ["a", "[redacted]", "a b "])
    def test_a_megabyte_takes_seconds_for_all_rules_together(self, unit: str) -> None:
        assert seconds(Redaction(), unit * (1_000_000 // len(unit))) < 5
