"""The parts of a line that vary between two occurrences of one failure."""

import pytest

import stoppable
from error_patterns.failures.normalize import MAX_LINE_CHARACTERS, normalize, strip_escapes

VOLATILE = {
    "<url>": ["https://a.example/v1?page=2", "postgresql://db.internal:5432/memory", "ws://[::1]:80/x"],
    "<email>": ["ada@example.org", "grace.hopper+x@mail.example.net"],
    "<time>": [
        "2026-01-31",
        "2026-01-31T10:00:00Z",
        "2025-12-01 23:59:59.123456+02:00",
        "2026/11/22 02:10:34",
        "20261122T021034Z",
        "Sun Nov 22 02:10:34 UTC 2026",
        "Nov  2 02:10:34",
        "Sun, 22 Nov 2026 02:10:34 GMT",
        "22/Nov/2026:02:10:34 +0000",
        "November 22, 2026",
        "11/22/2026",
        "22.11.2026, 10:00:00",
        "10:00:00,999",
        "3:15 pm",
        *("Mon, 02 Jan 06 15:04 MST", "2 Jan 2006 15:04 -0700", "Monday, 02-Jan-06 15:04:05 MST", "Mon Jan 02, 2006"),
        *("Mon Jan 02 2006 14:04:05 GMT-0800 (Pacific Standard Time)", "Mon Jan 02 2006 14:04:05 GMT+0000 (UTC)"),
        *("20060102 150405Z", "20060102T150405+0100"),
        "datetime.datetime(2026, 1, 31, 10, 0, tzinfo=datetime.timezone.utc)",
        "datetime.date(2026, 1, 31)",
    ],
    "<uuid>": ["123e4567-e89b-12d3-a456-426614174000", "9B2F0A11-0C4D-4E5F-8A7B-1C2D3E4F5A6B"],
    "<id>": ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "8Kd2mQx7Rb4TzW1nVc5p", "hT4xQ9vLm2ZaK7sWy3"],
    "<hash>": ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "md5-ab12cd34ef56ab12cd34"],
    "<address>": [
        "10.0.0.7",
        "10.0.0.7:5432",
        "10.0.0.7 ()",
        "10.0.0.7 (host8.example.net)",
        "host8.example.net [10.0.0.7]",
        "mail.example.net[10.0.0.7]:25",
        "10.0.0.0/24",
        "localhost:8080",
        "db-1.internal:5432",
        "::1",
        "[::1]:8080",
        "fe80::1%eth0",
        "2001:db8::8a2e:370:7334",
        "00:1a:2b:3c:4d:5e",
        "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
        "::ffff:10.0.0.7",
        *("example.com", "mirror.example.net", "node-7.example.ac.uk"),
    ],
    "<path>": [
        "/var/lib/a/x",
        "/srv/my\\ app/x",
        "C:\\Users\\ada\\x.txt",
        "C:\\Program Files (x86)\\App\\a.dll",
        "\\\\server\\share\\a",
        "~/x.txt",
        "../data/y.csv",
        "./run.sh",
        "/v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/7",
        "/data/2026-01-31/10.csv",
        "/v2/servers?limit=2&changes-since=2026-01-31T10:00:00",
    ],
    "<temporary>": ["tmpab12cd34", "tmp.Xy12Z345ab"],
    "<amount>": [
        *("1.5 seconds", "30 s", "3.2ms", "12 GB", "93.0 B", "512MiB", "1h2m3s", "10%", "5m", "15 min"),
        *("1m 3s", "1 hour, 5 minutes and 3 seconds", "1190 bytes (1.16 KB)"),
        *("<1 sec", "~3 min", "01:23 min", "1:02:03 h"),
    ],
    "<number>": [
        *("7", "-2.5", "1,024", "1_000", "1e-5", "3.11.2", "v1.2.3", "1.2.3rc1"),
        *("0x7f5a8c0b5d30", "9f86d08", "a3bf4f1b2b0b822cd15d", "00106210", "ffffffff", "deadbeef", "DEADBEEF"),
        "cjld2cjxh0000qzrmn831i7rn",
        *("3534 4115 3375", "3, 4, 5"),
    ],
}
CODES = [
    "[Errno 13]",
    "errno=5",
    "(os error 13)",
    "[WinError 5]",
    "HTTP 404",
    "HTTP/1.1 503",
    "status code: 500",
    "status=200",
    "'code': '409'",
    "404 Client Error",
    "404 Not Found",
    "exit code 137",
    "exit status 2",
    "exited with 2",
    "signal: 11",
    "ERROR 1045",
    "error[E0425]",
    "TS2304",
]
NAMES = [
    "utf8",
    "x86_64",
    "python3.11",
    "KeyError: 'item_1'",
    "facade",
    "and/or",
    "a::b",
    "std::vec",
    "tmp_config",
    *("ChaCha20Poly1305", "Float16ToFloat32", "R8G8B8A8Unorm", "float8e4m3fnuz", "PBEWithHmacSHA256AndAES128"),
    *("java.net", "ASP.NET", "threading.local", "org.apache.commons.net", "github.com/pkg/errors"),
    *("[E404]", "[utf-8]", "[item_one]", "x == True", "strict: true", "user_id: missing"),
    *("utf-8", "sha256:unsupported-algorithm-x", "for user signup", "invalid user name from request"),
]


# Each of these many times over is a line on which an expression could backtrack.
WORST_UNITS = [
    *("a", "1", "/", ":", "'\"", "<", "0x", " ", "\\", "~", "[", "_1", "a_", "e+1"),
    *("a.", "a-", "1.", "2020-", "a@", "1,", "a:", "://", "1:", "a.b:", "00:", "1/", "-1", "a1"),
    *("\x1b[", "\x1b]", "\\ ", "c:\\a", "'/", '"c:\\', "tmp", "error ", "http ", "500 ", "1 m", "12 "),
    *("[a] ", "2020-01-01 ", "ERROR ", "10:00 ", "jan ", "mon, ", "sha1-", "1h", "(1) ", "x | ", "<1>"),
    *("a1b", "/<a>", "for user a", "<amount> ", "(<number>)", "_1_1", "[[", "[a[b]", "<34>1 2026-01-01 a "),
    *("1.1.1.1 (a.", "a(b)[1]: ", "ffffffff", "a-bcdfghjk", "bcdfghjk-", "rhost=a", "segfault at 1"),
    *("a=true", "a.com", "a.b.net ", "a-b.", "aB1cD2e", "aB1cD2eF3gHi ", "Aa1", "lifetime 1:", "1:00 ", "<1 "),
    *("[a_", "[a_b1"),
    *("user id=a", "user id: 1a-", "request id=request id=", "/a?b=", "/a?b=<a>", "/a?", "1 jan 01 ", "20060102 "),
    *("datetime.time(1, ", "1:1:1 (a ", "::ffff:", "::ffff:1.1.1.1", "00:11:22:33:44:55:66:", "deadbeef"),
]


@pytest.mark.parametrize(
    ("placeholder", "text"), [(placeholder, text) for placeholder, texts in VOLATILE.items() for text in texts]
)
class TestVolatile:
    def test_it_becomes_a_placeholder(self, placeholder: str, text: str) -> None:
        assert normalize(text) == placeholder

    def test_it_is_found_inside_a_sentence(self, placeholder: str, text: str) -> None:
        assert normalize(f"It was {text}, and ended.") == f"It was {placeholder}, and ended."


class TestNames:
    @pytest.mark.parametrize("name", [*CODES, *NAMES])
    def test_what_tells_failures_apart_stays(self, name: str) -> None:
        assert normalize(f"got {name} there") == f"got {name} there"

    def test_the_name_of_a_file_that_is_missing_stays(self) -> None:
        text = "[Errno 2] No such file or directory: '/home/ada/my app/config.yaml'"
        assert normalize(text).endswith("No such file or directory: '<path> config.yaml'")

    def test_numbers_behind_an_underscore_stay_if_they_are_short(self) -> None:
        assert normalize("task_12 of blk_-1608999687919862906") == "task_12 of blk_<number>"

    def test_numbers_that_follow_each_other_behind_an_underscore_do_not_count(self) -> None:
        assert normalize("block rdd_2_0") == "block rdd_<number>"

    @pytest.mark.parametrize(
        "text",
        [
            "for user {} by (uid=0)",
            "invalid user {} from there",
            "tty=ssh user={}",
            "Failed password for  {} from there",
        ],
    )
    def test_who_it_was_does_not_count(self, text: str) -> None:
        assert normalize(text.format("ada")) == normalize(text.format("grace.hopper"))

    @pytest.mark.parametrize("text", ["the user is unknown", "for user 'app'", "for user is not allowed here"])
    def test_sentences_about_users_stay(self, text: str) -> None:
        assert normalize(text) == text

    @pytest.mark.parametrize("time", ["00:01", "1:02:03", "<1 sec", "7 s"])
    def test_a_duration_is_known_by_the_word_before_it(self, time: str) -> None:
        assert normalize(f"closed, lifetime {time}") == "closed, lifetime <amount>"

    @pytest.mark.parametrize("value", ["true", "False"])
    def test_a_boolean_behind_an_equals_sign_does_not_count(self, value: str) -> None:
        assert normalize(f"job(force={value}) failed") == "job(force=<boolean>) failed"

    def test_which_one_of_many_does_not_count_where_it_stands_alone_in_brackets(self) -> None:
        assert normalize("[Rack_A8] and [rack-b12]") == "[Rack_<number>] and [rack-<number>]"

    @pytest.mark.parametrize("value", ["k9Mtd2gDcgG", "XKCDQWERTZ", "req-qwertzuiopasdfgh", "a1b2c3", "7", "1234567"])
    @pytest.mark.parametrize("name", ["request id: ", "RequestId=", '"user_id": "', "trace-id:"])
    def test_the_value_of_an_id_does_not_count(self, name: str, value: str) -> None:
        assert normalize(f"denied, {name}{value}") == f"denied, {name}<id>"

    def test_a_pod_is_known_without_digits(self) -> None:
        assert normalize("web-bcdfghjklm-zzzzz was evicted") == "web-<id> was evicted"

    def test_a_query_is_no_part_of_a_name(self) -> None:
        assert normalize("404 Not Found: /v1/users?page=2&from=/a") == "404 Not Found: <path> users"

    @pytest.mark.parametrize("text", ["'example.com'", "KeyError: 'example.com'", "No module named 'app.org'"])
    def test_a_key_or_a_module_is_no_host(self, text: str) -> None:
        assert normalize(text) == text

    def test_a_relative_path_stays_without_its_line(self) -> None:
        assert normalize("src/main.c:12:5: error") == "src/main.c:<number>:<number>: error"

    def test_an_escape_is_no_path(self) -> None:
        assert normalize(r"expected '\t' and '\n'") == r"expected '\t' and '\n'"

    def test_markup_is_no_path(self) -> None:
        assert normalize("unexpected </div> before <br/>") == "unexpected </div> before <br/>"

    def test_versions_of_a_requirement_do_not_count(self) -> None:
        assert normalize("requests==2.31.0 or numpy-1.26.4") == "requests==<number> or numpy-<number>"


class TestEscapes:
    @pytest.mark.parametrize(
        "escape",
        ["\x1b[31m", "\x1b[0m", "\x1b[38;2;1;2;3m", "\x1b[2K", "\x1b]0;title\x07", "\x1b]8;;x\x1b\\", "\x1b(B"],
    )
    def test_they_are_taken_out(self, escape: str) -> None:
        assert strip_escapes(f"a{escape}b") == "ab"


class TestAnyLine:
    def test_what_is_far_behind_does_not_count(self) -> None:
        assert normalize("x" * MAX_LINE_CHARACTERS + "a") == normalize("x" * MAX_LINE_CHARACTERS + "b")

    def test_the_worst_lines_take_linear_time(self) -> None:
        # Tens of milliseconds each; a second where an expression takes quadratic time.
        stoppable.run(
            """
            from error_patterns.failures.log_prefix import split_log_prefix
            from error_patterns.failures.normalize import (
                _DIGIT_RULES, _FILE_MATTERS, _LAST_NAME, _NAME_RULES, _NUMBERS, _PATH_RULES, _REPEATED_PLACEHOLDER,
                _WORD_RULES, strip_escapes
            )
            rules = _NAME_RULES + _DIGIT_RULES + _WORD_RULES + _PATH_RULES
            expressions = [*(rule.expression for rule in rules), _FILE_MATTERS, _LAST_NAME]
            for unit in arguments:
                line = unit * (20_000 // len(unit))
                with at_most(seconds=0.3, text=unit):
                    for expression in (*expressions, _NUMBERS, _REPEATED_PLACEHOLDER):
                        expression.sub("", line)
                    split_log_prefix(line)
                    strip_escapes(line)
            """,
            WORST_UNITS,
        )
