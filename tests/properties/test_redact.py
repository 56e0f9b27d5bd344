"""What is redacted once is redacted for good, and no known secret gets through."""

import os
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from dissmodel.record.redact import redact, redact_argv, redact_document

SECRETS = {
    "MY_TOKEN": "tok-0123456789abcdef",
    "MY_PRIVATE_KEY": "-----BEGIN KEY-----\nq0123456789abcdefq\n-----END KEY-----",
    "Q_SECRET": "quo'te\"back\\slash-0123",
    "DB_PASS": "a://b:c@d/e",
    "MY_PAT": "12345678",
}
NAMES = ("token", "password", "secret", "api_key", "authorization", "Authorization: ", "key=", "sig=", "user")
WORDS = (
    "Bearer ",
    "Basic ",
    "nothing",
    "listens",
    "there",
    "a",
    "x1",
    "8080",
    "http",
    "https://",
    "é",
    "***",
)
SIGNS = (
    "=",
    ":",
    "==",
    "=>",
    " ",
    "  ",
    "\n",
    "\t",
    "\u2028",
    "://",
    "@",
    "/",
    "?",
    "&",
    "#",
    ";",
    ",",
    ".",
    "-",
    "_",
)
QUOTES = ("'", '"', "\\", '\\"', '\\\\\\"', "b'", "(", ")", "{", "}", "<", ">", "*", "%2F")
PIECES = (*NAMES, *WORDS, *SIGNS, *QUOTES, *SECRETS.values(), "q0123456789abcdefq")
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(texts)
@example("secret: password: abc")
@example("secret: some token: xyz there")
@example("token:=:x")
def test_redacting_twice_is_redacting_once(text):
    with patch.dict(os.environ, SECRETS):
        once = redact(text)

        assert once == redact(once)
        for secret in ("tok-0123456789abcdef", "q0123456789abcdefq", "slash-0123", "12345678"):
            assert secret not in once


@given(st.lists(texts, max_size=4))
def test_a_command_line_too(words):
    with patch.dict(os.environ, SECRETS):
        once = redact_argv(words)

        assert once == redact_argv(once)


@given(st.dictionaries(texts, st.dictionaries(texts, texts, max_size=4), max_size=3))
def test_a_document_too(document):
    with patch.dict(os.environ, SECRETS):
        once = redact_document(document)

        assert once == redact_document(once)
        assert [len(part) for part in document.values()] == [len(part) for part in once.values()]
