"""What exceptions know beside their message: commands with their output, requests with their status."""

import os
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
import requests

from error_patterns.failures import circumstances_of, failure_text, parse_failure
from error_patterns.failures.exceptions import MAX_OUTPUT_CHARACTERS, Circumstances

Raise = Callable[[str, str, int], Exception]


def raised(act: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it is the one asked for
        act()
    return caught.value


def chained(cause: Exception) -> Exception:
    def deploy() -> None:
        try:
            raise cause
        except type(cause) as error:
            raise RuntimeError("not deployed") from error

    return raised(deploy)


def failed(*command: str, stderr: str = "", output: str = "") -> Exception:
    return subprocess.CalledProcessError(1, list(command), output=output, stderr=stderr)


def of_httpx(method: str, path: str, status: int) -> Exception:
    request = httpx.Request(method, f"https://ada:hunter2@api.example{path}")
    return raised(httpx.Response(status, request=request).raise_for_status)


def of_requests(method: str, path: str, status: int) -> Exception:
    response = requests.Response()
    response.status_code = status
    response.request = requests.Request(method, f"https://api.example{path}").prepare()
    return raised(response.raise_for_status)


each_library = pytest.mark.parametrize("answered", [of_httpx, of_requests])


def fingerprint(error: Exception) -> str:
    return parse_failure(failure_text(error)).fingerprint


class TestCommands:
    def test_a_real_one_gives_its_command_and_its_standard_error(self) -> None:
        command = [sys.executable, "-c", "import sys; sys.exit('no rule')"]
        error = raised(lambda: subprocess.run(command, check=True, capture_output=True))
        assert circumstances_of(error).attempt == f"{sys.executable} -c 'import sys; sys.exit('\"'\"'no rule'\"'\"')'"
        assert failure_text(error).endswith("\nOutput of the failed command:\nno rule")

    def test_one_that_took_too_long_gives_them_too(self) -> None:
        script = "import sys, time; print('half done', file=sys.stderr, flush=True); time.sleep(60)"
        command = [sys.executable, "-c", script]
        error = raised(lambda: subprocess.run(command, check=True, capture_output=True, timeout=3))
        assert (circumstances_of(error).attempt.split()[1], failure_text(error)[-9:]) == ("-c", "half done")

    @pytest.mark.parametrize(
        ("command", "text"),
        [
            ("make all", "make all"),
            (b"make all", "make all"),
            (["make", "all in one", b"\xff", os.curdir], "make 'all in one' '\udcff' ."),
            (None, ""),
        ],
    )
    def test_any_form_of_a_command_is_read(self, command: object, text: str) -> None:
        make: Callable[..., Exception] = subprocess.CalledProcessError
        assert circumstances_of(make(1, command)).attempt == text

    def test_other_errors_are_other_failures(self) -> None:
        first, second = (failed("make", stderr=f"no {thing}: 3 left") for thing in ("rule", "file"))
        again = failed("make", stderr="no rule: 7 left")
        assert fingerprint(first) == fingerprint(again) != fingerprint(second)
        assert "rule" in parse_failure(failure_text(first)).keywords

    def test_standard_error_counts_alone_where_there_is_any(self) -> None:
        assert failure_text(failed("make", stderr="no rule", output="done")).endswith("command:\nno rule")

    @pytest.mark.parametrize("stderr", ["", " \n", None])
    def test_the_output_counts_where_there_are_no_errors(self, stderr: str) -> None:
        assert failure_text(failed("make", stderr=stderr, output="no rule\n")).endswith("\nno rule")

    def test_without_any_output_the_text_is_as_python_prints_it(self) -> None:
        assert failure_text(failed("make")) == (
            "subprocess.CalledProcessError: Command '['make']' returned non-zero exit status 1."
        )

    def test_the_last_whole_lines_of_a_long_output_count(self) -> None:
        output = "".join(f"line {n}\n" for n in range(2_000)) + "no rule"
        _, _, kept = failure_text(failed("make", stderr=output)).partition("command:\n")
        assert (kept[:5], kept[-7:], len(kept) <= MAX_OUTPUT_CHARACTERS) == ("line ", "no rule", True)
        assert kept.splitlines() == output.splitlines()[-len(kept.splitlines()) :]

    def test_a_traceback_in_the_output_counts_as_one(self) -> None:
        trace = "Traceback (most recent call last):\n  File \"a.py\", line {}, in run\n    x\nKeyError: '{}'"
        first, again, other = (
            fingerprint(failed("make", stderr=trace.format(line, key))) for line, key in [(1, "a"), (2, "a"), (1, "b")]
        )
        assert first == again != other

    def test_the_headline_is_the_exception(self) -> None:
        text = failure_text(chained(failed("make", stderr="error: no rule")))
        assert parse_failure(text).headline == "RuntimeError: not deployed"


class TestRequests:
    @each_library
    def test_one_gives_its_method_path_and_status(self, answered: Raise) -> None:
        error = answered("GET", "/users/17?token=hunter2", 404)
        assert circumstances_of(error).attempt == "GET /users/17"
        assert failure_text(error).endswith("\nFailed request: GET /users/17 (status 404)")
        assert "hunter2" not in failure_text(error)

    @each_library
    def test_other_paths_methods_and_status_are_other_failures(self, answered: Raise) -> None:
        asked = [("GET", "/users", 404), ("GET", "/orders", 404), ("POST", "/users", 404), ("GET", "/users", 410)]
        assert len({fingerprint(answered(*each)) for each in asked}) == len(asked)

    @each_library
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("/users/17", "/users/18"),
            ("/users/17/orders", "/users/4711/orders"),
            ("/jobs/123e4567-e89b-12d3-a456-426614174000", "/jobs/9b2f0a11-0c4d-4e5f-8a7b-1c2d3e4f5a6b"),
            ("/users?page=1", "/users?page=2"),
        ],
    )
    def test_parts_that_vary_do_not_count(self, answered: Raise, first: str, second: str) -> None:
        assert fingerprint(answered("GET", first, 404)) == fingerprint(answered("GET", second, 404))

    @each_library
    def test_its_path_gives_keywords(self, answered: Raise) -> None:
        assert {"GET", "users", "orders"} <= set(
            parse_failure(failure_text(answered("GET", "/users/1/orders", 404))).keywords
        )

    def test_without_an_answer_there_is_nothing_to_tell(self) -> None:
        assert circumstances_of(httpx.ConnectError("refused")) == Circumstances()
        assert (
            circumstances_of(httpx.ConnectError("refused", request=httpx.Request("GET", "https://a")))
            == Circumstances()
        )

    def test_an_exception_that_looks_like_one_and_raises_is_none(self) -> None:
        class OddError(Exception):
            @property
            def response(self) -> object:
                raise RuntimeError("closed")

        assert circumstances_of(OddError()) == Circumstances()

    @pytest.mark.parametrize("answer", [None, "404", {"status_code": 404}, 404])
    def test_an_exception_with_another_kind_of_answer_is_none(self, answer: object) -> None:
        error = OSError("gone")
        vars(error)["response"] = answer
        assert circumstances_of(error) == Circumstances()


class TestSecrets:
    def test_of_an_output_that_is_cut_stay_nowhere(self) -> None:
        body = "".join(f"MIIEhunter2{'A' * 50}{number}\n" for number in range(90))
        key = f"-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n"
        assert "hunter2" not in failure_text(failed("terraform", stderr=key + "Error: apply failed\n" * 10))

    @pytest.mark.parametrize(
        "arguments",
        [
            ["docker", "login", "-u", "ada", "-p", "hunter2abc"],
            ["tool", "--password", "it'shunter2 hello"],
            ["tool", "--token", "a'b\"hunter2zz"],
            ["curl", "-u", "bob:hun'hunter2", "https://a.example"],
            ["git", "clone", "https://u:pa'hunter2@a.example/x"],
        ],
    )
    def test_of_a_list_of_arguments_stay_nowhere(self, arguments: list[str]) -> None:
        error = subprocess.CalledProcessError(1, arguments)
        assert "hunter2" not in failure_text(error) + circumstances_of(error).attempt

    @pytest.mark.parametrize(
        "url", ["https://hooks.slack.com/services/T0/B0/hunter2xyz", "https://discord.com/api/webhooks/123/hunter2abc"]
    )
    def test_of_an_address_that_its_host_gives_away_stay_nowhere(self, url: str) -> None:
        request = httpx.Request("POST", url)
        error = httpx.HTTPStatusError("no", request=request, response=httpx.Response(404, request=request))
        assert "hunter2" not in failure_text(error) + circumstances_of(error).attempt


class TestCauses:
    def test_the_command_of_a_cause_counts(self) -> None:
        first, second = (chained(failed("make", stderr=f"no {thing}")) for thing in ("rule", "file"))
        assert circumstances_of(first).attempt == "make"
        assert fingerprint(first) != fingerprint(second)

    def test_the_one_that_was_raised_last_counts(self) -> None:
        def act() -> None:
            try:
                raise of_httpx("GET", "/users", 404)
            except httpx.HTTPStatusError:
                raise failed("make", stderr="no rule")  # noqa: B904 - the context is what is asked for

        assert circumstances_of(raised(act)).attempt == "make"

    def test_a_context_that_is_suppressed_does_not_count(self) -> None:
        def act() -> None:
            try:
                raise failed("make", stderr="no rule")
            except subprocess.CalledProcessError:
                raise RuntimeError("not deployed") from None

        assert circumstances_of(raised(act)) == Circumstances()

    def test_causes_in_a_circle_end(self) -> None:
        first, second = OSError("a"), OSError("b")
        first.__cause__, second.__cause__ = second, first
        assert circumstances_of(first) == Circumstances()


def test_a_known_exception_without_circumstances_has_none() -> None:
    assert circumstances_of(KeyError("a")) == Circumstances()


@pytest.mark.parametrize("text", ["Output of the failed command:\n", "Failed request: GET /a (status 404)"])
def test_text_that_is_only_details_is_read(text: str) -> None:
    assert parse_failure(failure_text(text)).headline
