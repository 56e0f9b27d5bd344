"""The API key: where it is found, where it never goes."""

import http.server
import sys
import types
from pathlib import Path

import pytest

import dissmodel
from dissmodel.client.keys import checked_key, find_key
from dissmodel.config import load_settings
from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelError
from support import servers
from support.fake_service import JOB, RESULT, fake, job

KEY = "planted-KEY-0123456789"


@pytest.fixture
def keyring(monkeypatch):
    """A keyring with a key for one server."""
    asked = []

    def get_password(service, user):
        asked.append((service, user))
        return "of-the-keyring" if user == "https://a.example" else None

    error = type("KeyringError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "keyring", types.SimpleNamespace(get_password=get_password))
    monkeypatch.setitem(sys.modules, "keyring.errors", types.SimpleNamespace(KeyringError=error))
    return asked


def test_it_is_found_where_people_keep_it(keyring, tmp_path, monkeypatch):
    def found(url="https://a.example"):
        return find_key(url, load_settings())

    assert ("of-the-keyring", None) == (found(), found("https://b.example"))
    assert ("dissmodel", "https://a.example") in keyring
    file = tmp_path / "key"
    file.write_text("of-the-file\n")
    monkeypatch.setenv("DISSMODEL_CLIENT_KEY_FILE", str(file))
    assert "of-the-file" == found()
    monkeypatch.setenv("DISSMODEL_API_KEY", "of-the-environment")
    assert "of-the-environment" == found()
    monkeypatch.delenv("DISSMODEL_API_KEY")
    file.unlink()
    with pytest.raises(DissmodelError, match="key_file"):
        found()


def test_a_project_names_neither_server_nor_key(here):
    for name in ("server", "key_file"):
        Path("dissmodel.toml").write_text(f'[client]\n{name} = "/x"\n')
        with pytest.raises(DissmodelError):
            load_settings()


@pytest.mark.parametrize(
    ("url", "proxy", "is_clear"),
    [
        ("https://a.example", "", False),
        ("http://127.0.0.1:8000", "", False),
        ("http://localhost:8000", "", False),
        ("http://[::1]:8000", "", False),
        ("http://a.example", "", True),
        ("HTTP://A.example", "", True),
        ("http://127.0.0.1.a.example", "", True),
        ("http://127.0.0.1:8000", "http://proxy.example:3128", True),
    ],
)
def test_it_crosses_a_network_unencrypted_with_consent_alone(url, proxy, is_clear, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy)
    assert checked_key(None, url, Consent()) is None
    assert KEY == checked_key(KEY, url, Consent(yes=True))
    if not is_clear:
        assert KEY == checked_key(KEY, url, Consent())
        return
    asked = []
    with pytest.raises(ConsentRequired) as raised:
        dissmodel.connect(url, key=KEY)
    assert KEY not in str(raised.value)
    dissmodel.connect(url, key=KEY, consent=Consent(ask=lambda error: asked.append(error.what) or True))
    assert [url] == asked


@pytest.mark.parametrize("key", ["two words", "line\r\nX-Other: 1", "ключ", "k" * 2000])
def test_what_is_no_key_is_not_sent(key):
    with pytest.raises(DissmodelError) as raised:
        dissmodel.connect("http://127.0.0.1:1", key=key)

    assert "bad_key" == raised.value.code
    assert key not in str(raised.value)


def test_it_goes_to_its_server_and_to_nobody_else():
    heard = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", str(len(RESULT)))
            self.end_headers()
            self.wfile.write(RESULT)

        def log_message(self, *words):
            """Say nothing."""

    with servers.web(Elsewhere) as url, fake(link={"url": f"{url}/bucket/output.bin?signature=s"}) as server:
        client = dissmodel.connect(server.url, key=KEY)
        client.run("flood", input="grid.tif", output="r.bin")
        server.answers[f"GET /job/{JOB}"] = (307, {"Location": f"{url}/job"}, b"")
        with pytest.raises(DissmodelError, match="redirects"):
            client.job(JOB).status()

    assert {KEY} == {headers.get("X-API-Key") for _, _, headers in server.heard}
    assert 1 == len(heard)
    assert KEY not in str(heard)
    assert KEY not in "".join(path.read_text() for path in Path().glob("*.json"))
    assert KEY not in f"{client!r}{client.job(JOB)!r}{vars(client)}"


def test_a_file_of_the_server_itself_is_read_by_its_link_alone():
    with fake(job=job()) as server:
        dissmodel.connect(server.url, key=KEY).run("flood", input="grid.tif", output="r.bin")

    assert [None] == [
        headers.get("X-API-Key") for _, path, headers in server.heard if "/files/output" in path[:14]
    ]


def test_a_url_that_is_none_is_refused():
    for url in ("ftp://a.example", "a.example", "https://ana:hush@a.example", "https://a.example/?x=1", ""):
        with pytest.raises(DissmodelError) as raised:
            dissmodel.connect(url)
        assert "hush" not in str(raised.value)
    with pytest.raises(DissmodelError, match="Which server"):
        dissmodel.connect()
