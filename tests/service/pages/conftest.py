"""The service as for its HTTP API, and a browser that runs no script."""

import re

import httpx
import pytest

from service.http.conftest import *  # noqa: F403  (the same service)
from support.http_api import KEYS


class Browser(httpx.Client):
    """Keeps cookies, and sends forms with the token of the page that it looked at last."""

    page = ""

    def show(self, path, *, status=200, **words):
        """Go to a page; return its HTML."""
        answer = self.get(path, headers={"Sec-Fetch-Site": "same-origin"}, **words)
        assert status == answer.status_code, answer.text.partition("<main")[2][:800]
        self.page = answer.text
        return self.page

    def fill(self, path, *, status=303, **fields):
        """Send a form of the page; return the answer."""
        token = re.search(r'name="token" value="([0-9a-f]+)"', self.page)[1]
        answer = self.post(path, data={"token": token, **fields}, headers={"Sec-Fetch-Site": "same-origin"})
        assert status == answer.status_code, answer.text.partition("<main")[2][:800]
        return answer

    def sign_in(self, role="submitter", **fields):
        """Sign in with the key of a role."""
        self.show("/ui/sign-in")
        return self.fill("/ui/sign-in", key=KEYS[role], **fields)


@pytest.fixture
def browser(house):
    """A browser that has not signed in."""
    with Browser(base_url=house.url, timeout=30) as found:
        yield found
