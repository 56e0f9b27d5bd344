import json
import re
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest

from dissmodel.record.known_secrets import is_secret_variable, learn
from dissmodel.record.redact import LONGEST, redact, redact_argv, redact_document


@pytest.fixture(autouse=True)
def _few_variables(monkeypatch):
    for name in ("MINIO_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "TOKEN_FILE", "MY_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("https://***@host/a", "https://ana:hunter2@host/a"),
        ("https://***@host/a", "https://ghp_token@host/a"),
        ("https://***@host/a", "https://ana:p@ss:w@host/a"),
        ("https://***@host/a", "https://ana:p/w#x?y@host/a"),
        ("postgresql://***@db:5432/x", "postgresql://ana:hunter2@db:5432/x"),
        ("ssh://git@host/a.git", "ssh://git@host/a.git"),
        ("git@host:a.git", "git@host:a.git"),
        ("https://host:8080/a@2x.png", "https://host:8080/a@2x.png"),
        ("https://h/a?X-Amz-Signature=***&part=1", "https://h/a?X-Amz-Signature=9f8e&part=1"),
        ("https://h/a?part=1&sig=***#top", "https://h/a?part=1&sig=a%2Bb#top"),
        ("https://h/a?X-Amz-Credential=***&x=1", "https://h/a?X-Amz-Credential=AKIA/2026/s3&x=1"),
        ("https://h/a?AWSAccessKeyId=***&Signature=***", "https://h/a?AWSAccessKeyId=AKIA1&Signature=ab="),
        ("https://h/a?key=***&q=1", "https://h/a?key=AIza&q=1"),
        ("login with password=*** failed", "login with password=a,b&c failed"),
        ('{"db_password": "***", "n": 1}', '{"db_password": "a \\"b", "n": 1}'),
        ("token='***'", "token='cut off"),
        ("api_key: ***", "api_key: 12345"),
        ("Authorization: Bearer ***", "Authorization: Bearer eyJh.x-y"),
        ("'authorization': 'Basic ***'", "'authorization': 'Basic dXNlcjpwdw=='"),
        ("--param=secret=***", "--param=secret=xyz"),
        ("Authorization: ***", "Authorization: abcdef\nHost: h".partition("\n")[0]),
        ("Authorization: ***\nHost: h", "Authorization: abcdef\nHost: h"),
        ("Authorization: Digest ***", 'Authorization: Digest username="ana", response="6629fae4"'),
        ("authorization: ***", "authorization: Custom abc-1"),
        ("{b'password': b'***', 'n': 1}", "{b'password': b'a b', 'n': 1}"),
        (r'"{\"token\": \"***\", \"n\": 1}"', r'"{\"token\": \"a \\\" b\", \"n\": 1}"'),
        (r"'{\'token\': \'***\'}'", r"'{\'token\': \'a b\'}'"),
        ("password      =      ***", "password      =      hunter2"),
        ("password := ***", "password := hunter2"),
        ("password => ***", "password => hunter2"),
        ("https://h/x?to=https://***@k/a", "https://h/x?to=https://ana:pw@k/a"),
        ("token: ***", "token: swordfish"),
        ("token: *** was refused", "token: a1b2 was refused"),
    ],
)
def test_secrets_are_hidden(expected, text):
    assert expected == redact(text)
    assert expected == redact(redact(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secretion_rate=0.3 tokenized=1 spectral_signature=b4",
        "the password was wrong",
        "C:\\data\\grid.tif: it has no band 'alt'",
        "author=Ana, n_steps=10",
        "secret: nothing listens there",
        "warning: the token: It doesn't fit (at all)",
        "Authorization: none was given",
        "credentials: não há nenhuma",
    ],
)
def test_the_rest_stays(text):
    assert text == redact(text)


def test_values_of_secret_variables_are_hidden_wherever_they_occur(monkeypatch):
    monkeypatch.setenv("MINIO_SECRET_KEY", "minio/secret 1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "minio/secret 1 and more")
    monkeypatch.setenv("TOKEN_FILE", "/run/where-it-lies")
    monkeypatch.setenv("MY_TOKEN", "short")

    text = "<minio/secret 1><minio/secret 1 and more><minio%2Fsecret%201></run/where-it-lies><short>"
    assert "<***><***><***></run/where-it-lies><short>" == redact(text)


@pytest.mark.parametrize(
    ("expected", "argv"),
    [
        (["run", "-p", "end_time=10"], ["run", "-p", "end_time=10"]),
        (["-p", "password=***"], ["-p", "password=a b=c"]),
        (["--param=db_token=***"], ["--param=db_token=a b"]),
        (["--secret-key", "***", "x"], ["--secret-key", "a b", "x"]),
        (["--secret-key=***"], ["--secret-key=a b"]),
        (["--token", "--json"], ["--token", "--json"]),
        (["--input", "https://***@h/a?token=***&x=1"], ["--input", "https://u:p@h/a?token=t&x=1"]),
    ],
)
def test_command_lines(expected, argv):
    assert expected == redact_argv(argv)


def test_documents(monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_0123456789")
    document = {
        "source": {"uri": "https://u:p@h/grid.tif", "checksum": "ab" * 32},
        "parameters": {"db_password": 12345678, "nested": [{"credentials": {"user": "u", "x": "y"}}], "n": 1},
        "logs": ["cloned with ghp_0123456789"],
        "runtime": {"packages": {"secretstorage": {"version": "3.3"}}},
        "artifacts": {"token_map": "cd" * 32},
    }

    expected = {
        "source": {"uri": "https://***@h/grid.tif", "checksum": "ab" * 32},
        "parameters": {"db_password": "***", "nested": [{"credentials": "***"}], "n": 1},
        "logs": ["cloned with ***"],
        "runtime": {"packages": {"secretstorage": {"version": "3.3"}}},
        "artifacts": {"token_map": "cd" * 32},
    }
    assert expected == redact_document(document)


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        (True, "MY_KEY"),
        (True, "KEY"),
        (True, "azure_storage_key"),
        (True, "HF_TOKEN"),
        (True, "TOKENS"),
        (True, "CLIENT_SECRET"),
        (True, "DB_PASS"),
        (True, "PGPASSWORD"),
        (True, "DB_PASSWORD"),
        (True, "GITHUB_PAT"),
        (True, "APP_CREDENTIAL"),
        (True, "APP_CREDENTIALS"),
        (False, "PATH"),
        (False, "KEYBOARD"),
        (False, "BYPASS"),
        (False, "COMPASS_MODE"),
        (False, "MONKEY"),
        (False, "SSH_AUTHOR"),
    ],
)
def test_names_of_secret_variables(expected, name):
    assert expected is is_secret_variable(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSH_KEY_FILE", "id_ed25519_of_ana"),
        ("TOKEN_URL", "https://login.example.org/token"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-agent.1234"),
        ("PASSWORD_STORE_DIR", "/home/ana/.store"),
        ("CREDENTIAL_HELPER", "osxkeychain"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/run/not-here/google.json"),
        ("APP_CREDENTIALS", "/run/not-here/app.json"),
        ("APP_CREDENTIALS", "~/not-here/app.json"),
        ("APP_CREDENTIALS", "C:\\Users\\ana\\app.json"),
        ("MY_TOKEN", "disabled"),
        ("MY_TOKEN", "seven77"),
        ("MY_TOKEN", "********"),
    ],
)
def test_what_says_where_something_lies_or_is_too_short_is_no_secret(name, value, monkeypatch):
    monkeypatch.setenv(name, value)

    assert f"it is <{value}>" == redact(f"it is <{value}>")


def test_a_variable_that_names_a_file_which_is_there_is_no_secret(tmp_path, monkeypatch):
    path = tmp_path / "credentials"
    path.touch()
    monkeypatch.setenv("APP_CREDENTIALS", str(path))

    assert str(path) == redact(str(path))


SECRETS = {
    "plain": "tok-0123456789abcdef",
    "quotes": "quo'te\"back\\slash-0123",
    "slashes": "/x+y/z==&q?#0123",
    "letters": "pässwörd-☂-0123",
    "json": '{"a": "s0123456789abcdefs", "b": [1]}',
    "bytes": "caf\udce9-0123456789",
}
WRITTEN = {
    "str": str,
    "repr": repr,
    "repr in repr": lambda value: repr(f"it's {value!r}"),
    "ascii": ascii,
    "json": json.dumps,
    "json as it is": lambda value: json.dumps(value, ensure_ascii=False),
    "json in json": lambda value: json.dumps({"said": json.dumps({"key": value})}),
    "json in repr": lambda value: repr({"said": json.dumps({"key": value})}),
    "bytes": lambda value: repr(value.encode("utf-8", "surrogateescape")),
    "url": lambda value: quote(value, safe="", errors="surrogateescape"),
    "path of a url": lambda value: quote(value, errors="surrogateescape"),
    "url in small letters": lambda value: re.sub(
        "%..", lambda one: one[0].lower(), quote(value, safe="", errors="surrogateescape")
    ),
    "form": lambda value: quote_plus(value, errors="surrogateescape"),
    "error": lambda value: str(KeyError(f"no {value}")),
}


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("kind", SECRETS)
def test_a_known_secret_is_hidden_however_it_is_written(how, kind, monkeypatch):
    monkeypatch.setenv("SOME_KEY", SECRETS[kind])

    shown = redact(f"begin {WRITTEN[how](SECRETS[kind])} end")

    assert "***" in shown
    assert "0123" not in shown
    assert shown.startswith("begin ")
    assert shown.endswith(" end")


PEM = "-----BEGIN KEY-----\nq0123456789abcdefq\nr0123/56789+abcdef\nshort\n-----END KEY-----\n"


@pytest.mark.parametrize("kept", [PEM, PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n")])
@pytest.mark.parametrize("how", [*WRITTEN, "indented", "one line"])
def test_each_line_of_a_known_secret_is_hidden(how, kept, monkeypatch):
    monkeypatch.setenv("MY_PRIVATE_KEY", kept)
    write = {
        "indented": lambda value: value.replace("\n", "\n    "),
        "one line": lambda value: value.splitlines()[2],
    } | WRITTEN

    shown = redact(f"key: {write[how](PEM)}")

    assert "0123" not in shown
    assert "6789" not in shown


def test_secrets_that_overlap_are_both_hidden(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "abcdefgh12345678")
    monkeypatch.setenv("B_TOKEN", "12345678zzzzzzzz")

    assert "<***>" == redact("<abcdefgh12345678zzzzzzzz>")


def test_a_secret_that_was_read_from_a_file_is_known():
    learn("read-from-a-file-1", None, "", "short")

    assert "<***> short" == redact("<read-from-a-file-1> short")


def test_names_are_redacted_and_stay_different(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "abcdefgh12345678")
    monkeypatch.setenv("B_TOKEN", "zzzzzzzz12345678")
    document = {"metrics": {"t_abcdefgh12345678": 1.0, "t_zzzzzzzz12345678": 2.0, "t_*** (2)": 3.0, "n": 4.0}}

    once = redact_document(document)

    assert {"metrics": {"t_***": 1.0, "t_*** (3)": 2.0, "t_*** (2)": 3.0, "n": 4.0}} == once
    assert once == redact_document(once)


def test_of_a_longer_text_the_rest_is_left_out(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "abcdefgh12345678")
    whole, secret = "x" * (LONGEST - 100), "abcdefgh12345678 "

    shown = redact(whole + secret * 100)

    assert whole == redact(whole)
    assert len(shown) <= LONGEST
    assert f"… ({len(whole) + 1700} characters: the rest was left out)" == shown.splitlines()[-1]
    assert "abcdefgh" not in shown
    assert shown == redact(shown)


PATTERNS = {
    *("a", "://", "a:", "token", "token=", " ", "?key", "a.b-", '"', "authorization ", "://a:", "://x@", "@"),
    *(
        "authorization: ",
        "a=token=",
        ";token",
        "token-",
        "&key",
        "secret:",
        "x-a-signature",
        "\\",
        "token ",
        "?",
    ),
    *("token:   ", "a.", 'token=\\"', "token: a b ", 'token="a', "Authorization: a, ", "\t", "\n", "://a@b/"),
    *(
        "token=>",
        "token: \n",
        "authorization: bearer ",
        "'",
        "password='\\",
        "-",
        "=",
        ":",
        "%2F",
        "aaaaaaab",
    ),
}
HEADS = ("", "authorization", "password='", "://", "?", "https://ana:")
LENGTH = 200_000
CHILD = """
import sys
from dissmodel.record.redact import redact
head, length, *units = sys.argv[1:]
for unit in units:
    print(ascii(unit), flush=True)
    shown = redact(head + unit * (int(length) // len(unit)))
    assert redact(shown) == shown
"""


@pytest.mark.fast_cases("password='", "authorization")
@pytest.mark.parametrize("head", HEADS)
def test_long_texts_take_linear_time(head, monkeypatch):
    """Quadratic work on one text of this length takes minutes, linear work on all of them a few seconds."""
    monkeypatch.setenv("A_TOKEN", "aaaaaaaaab")
    child = [sys.executable, "-c", CHILD, head, str(LENGTH), *sorted(PATTERNS)]
    try:
        done = subprocess.run(child, check=False, timeout=60, capture_output=True, text=True)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"more than a minute at {late.stdout.split()[-1]!r}")

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("quote", ["'", '"', "'''", '"""'])
@pytest.mark.parametrize("before", ["", "b", "r"])
def test_a_quoted_value_of_several_lines_is_hidden_to_its_end(quote, before):
    text = f"it has password = {before}{quote}first s\\tone\nsecond s2 \n{quote}, user = 'ana'"

    assert f"it has password = {before}{quote}***{quote}, user = 'ana'" == redact(text)


def test_a_quote_that_is_never_closed_hides_its_line_only():
    assert 'password = "***"\nnext line' == redact('password = "s1 s2\nnext line')
