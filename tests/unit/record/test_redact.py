import time

import pytest

from dissmodel.record.redact import redact, redact_argv, redact_document


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
    "unit", ["a", "://", "a:", "token", "token=", " ", "?key", "a.b-", '"', "authorization "]
)
def test_long_texts_take_linear_time(unit):
    text = unit * (200_000 // len(unit))
    began = time.process_time()
    redact(text)

    # Quadratic work on this length takes minutes.
    assert time.process_time() - began < 5
