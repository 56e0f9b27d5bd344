"""Connections: the proxy that the environment names, or that the caller gives."""

import pytest
from urllib3 import ProxyManager

from dissmodel.storage.pool import make_pool
from dissmodel.storage.settings import Patience


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def proxy_of(pool):
    return str(pool.proxy) if isinstance(pool, ProxyManager) else None


@pytest.mark.parametrize("named", ["http://proxy.example.org:3128", "proxy.example.org:3128"])
def test_a_proxy_may_be_named_without_its_scheme(monkeypatch, named):
    monkeypatch.setenv("http_proxy", named)

    assert "http://proxy.example.org:3128" == proxy_of(make_pool("http://data.example.org", Patience()))


def test_the_environment_goes_before_the_given_proxy(monkeypatch):
    given = {"proxy": "http://given.example.org:1"}

    assert "http://given.example.org:1" == proxy_of(make_pool("http://data.example.org", Patience(), **given))
    monkeypatch.setenv("http_proxy", "http://set.example.org:2")
    assert "http://set.example.org:2" == proxy_of(make_pool("http://data.example.org", Patience(), **given))
    monkeypatch.setenv("no_proxy", "data.example.org")
    assert proxy_of(make_pool("http://data.example.org", Patience(), **given)) is None
