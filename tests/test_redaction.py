"""Secrets leave a failure text, and nothing else does. Every secret here is made up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_patterns import ErrorPatternRepository
from error_patterns.failures import read, text_of
from error_patterns.redaction import redact

# Each failure, and the secret in it. The tokens are put together here so that no scanner takes them for real ones.
FAILURES = {
    "URL": ("could not connect to postgresql://app:hunter2@db.internal:5432/orders", "hunter2"),
    "URL without a user": ("redis.exceptions.ConnectionError: redis://:hunter2@cache:6379/0", "hunter2"),
    "URL in quotes": ("fatal: unable to access 'https://ci:hunter2@git.example/app.git/'", "hunter2"),
    "URL of a SQLAlchemy dialect": ("postgresql+psycopg://app:hunter2@/orders", "hunter2"),
    "assignment": ("PGPASSWORD=hunter2 psql -h db failed with exit code 2", "hunter2"),
    "spaced assignment": ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
    "option": ("mysqldump --password=hunter2 orders: exit status 2", "hunter2"),
    "query": ("403 Forbidden: /v1/items?api_key=hunter2&page=3", "hunter2"),
    "quoted words": ("connect(password='correct horse battery')", "correct horse battery"),
    "JSON": ('request body: {"user": "ada", "client_secret": "hunter2"}', "hunter2"),
    "repr of a dict": ("KeyError in {'apiKey': 'hunter2', 'region': 'eu'}", "hunter2"),
    "YAML": ('database:\n  passwd: "hunter2"\n', "hunter2"),
    "environment": ("env: OPENAI_API_KEY=hunter2 PATH=/bin", "hunter2"),
    "bearer header": ("> Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
    "basic header": ("Proxy-Authorization: Basic YWRhOmh1bnRlcjI=", "YWRhOmh1bnRlcjI="),
    "headers as a dict": ("{'Authorization': 'token hunter2hunter2'}", "hunter2hunter2"),
    "bearer in prose": ("invalid bearer abcdef0123456789 for this realm", "abcdef0123456789"),
    "JSON Web Token": ("jwt expired: " + "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl", "eyJzdWIiOiJhZGEifQ"),
    "unsigned JSON Web Token": ("rejected eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", "eyJzdWIiOiJhZGEifQ"),
    "GitHub": ("remote: bad credentials " + "ghp_" + "a1B2" * 9, "a1B2" * 9),
    "fine-grained GitHub": ("github_pat_" + "a1B2" * 9 + " is expired", "a1B2" * 9),
    "GitLab": ("HTTP 401 for glpat-" + "a1B2" * 5, "a1B2" * 5),
    "Slack": ("invalid_auth: xoxb-" + "123456789012-a1B2c3D4", "123456789012-a1B2c3D4"),
    "OpenAI": ("Incorrect API key provided: sk-" + "proj-" + "a1B2" * 8, "a1B2" * 8),
    "Stripe": ("No such key: sk_live_" + "a1B2" * 6, "a1B2" * 6),
    "PyPI": ("403 Invalid API Token: pypi-" + "AgEIcHlwaS5vcmc" * 2, "AgEIcHlwaS5vcmc"),
    "AWS": ("InvalidAccessKeyId: AKIA" + "IOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"),
}
KEY = "-----BEGIN {kind}PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END {kind}PRIVATE KEY-----"


class TestSecrets:
    @pytest.mark.parametrize(("failure", "secret"), FAILURES.values(), ids=FAILURES)
    def test_no_secret_survives(self, failure: str, secret: str) -> None:
        assert secret in failure
        assert secret not in redact(failure)

    @pytest.mark.parametrize(("failure", "secret"), FAILURES.values(), ids=FAILURES)
    def test_what_was_taken_out_shows(self, failure: str, secret: str) -> None:
        assert "[redacted]" in redact(failure)

    @pytest.mark.parametrize(("failure", "secret"), FAILURES.values(), ids=FAILURES)
    def test_redacting_again_changes_nothing(self, failure: str, secret: str) -> None:
        assert redact(redact(failure)) == redact(failure)

    @pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
    def test_private_keys_go_whole(self, kind: str) -> None:
        redacted = redact(f"cannot load\n{KEY.format(kind=kind)}\nwrong format")
        assert redacted == (
            f"cannot load\n-----BEGIN {kind}PRIVATE KEY-----[redacted]-----END {kind}PRIVATE KEY-----\nwrong format"
        )

    def test_a_private_key_that_was_cut_off_goes_to_the_end(self) -> None:
        assert "MIIEow" not in redact(KEY.format(kind="RSA ")[:40])

    def test_every_secret_of_a_text_goes(self) -> None:
        everything = "\n".join(failure for failure, _ in FAILURES.values())
        redacted = redact(everything)
        assert [secret for _, secret in FAILURES.values() if secret in redacted] == []

    def test_what_stands_around_a_secret_stays(self) -> None:
        text = "could not connect to postgresql://app:hunter2@db.internal:5432/orders after 3 attempts"
        assert redact(text) == text.replace("hunter2", "[redacted]")


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'OPENAI_API_KEY'",
        "os.environ['DATABASE_PASSWORD']",
        "ValueError: password: must have at least 8 characters",
        "NameError: name 'token' is not defined",
        "SyntaxError: Unexpected token '}' at position 12",
        "AttributeError: 'Settings' object has no attribute 'api_key'",
        "TypeError: login() missing 1 required positional argument: 'password'",
        "FileNotFoundError: /run/secrets/db_password",
        "https://example.org:8443/path?page=2&sort=asc",
        "postgresql://app@db.internal:5432/orders",
        "git@github.com:org/repository.git",
        "mail from ada@example.org: refused",
        "sk-learn is not installed, see scikit-learn",
        "task-1234567890123456 failed",
        "the bearer of this is late",
        "-----BEGIN CERTIFICATE-----\nMIIEow\n-----END CERTIFICATE-----",
        "key=value, monkey=banana, keyboard=us",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "  File '/srv/app/tokens.py', line 3, in refresh_token",
        "",
    ],
)
def test_harmless_text_is_untouched(text: str) -> None:
    assert redact(text) == text


@given(st.text())
@settings(deadline=None)
def test_any_text_has_a_result(text: str) -> None:
    assert isinstance(redact(text), str)


class TestRecording:
    def test_a_secret_in_an_exception_is_not_in_its_text(self) -> None:
        assert "hunter2" not in text_of(ConnectionError("redis://:hunter2@cache:6379/0"))

    def test_two_failures_that_differ_in_a_secret_are_one(self) -> None:
        first, second = (text_of(f"login failed: password={secret}") for secret in ("hunter2", "swordfish"))
        assert read(first).fingerprint == read(second).fingerprint

    def test_no_secret_reaches_the_database(self, repository: ErrorPatternRepository) -> None:
        for failure, _ in FAILURES.values():
            repository.record_failure(failure)
        stored = " ".join(pattern.model_dump_json() for pattern in repository.list_all())
        assert [secret for _, secret in FAILURES.values() if secret in stored] == []
