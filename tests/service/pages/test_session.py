"""Who signs in with a browser, what that is good for, and forms that other pages send."""

from http.cookies import SimpleCookie

import httpx

from dissmodel.service.auth import Keys
from dissmodel.service.pages import session
from support.http_api import KEYS, sha256


def test_a_browser_signs_in_and_out(house, browser):
    assert "<h1>Sign in</h1>" in browser.show("/ui?after=x~y", status=401)
    answer = browser.fill("/ui/sign-in", key=KEYS["submitter"], next="/ui?after=x~y")

    cookie = SimpleCookie(answer.headers["set-cookie"])["dissmodel"]
    assert "/ui?after=x~y" == answer.headers["location"]
    assert (True, "strict", "/", "43200", "") == tuple(
        cookie[one] for one in ("httponly", "samesite", "path", "max-age", "secure")
    )
    assert KEYS["submitter"] not in cookie.value
    assert sha256(KEYS["submitter"]) not in cookie.value
    assert "submitter" in browser.show("/ui")
    browser.fill("/ui/sign-out")
    browser.show("/ui", status=401)


def test_a_browser_of_https_gets_a_secure_cookie(browser):
    browser.headers["X-Forwarded-Proto"] = "https"

    assert "; secure" in browser.sign_in().headers["set-cookie"].lower()


def test_a_wrong_key_does_not_sign_in(browser):
    browser.show("/ui/sign-in")
    for key in ("", "é", "no-such-key"):
        answer = browser.fill("/ui/sign-in", status=403, key=key)
        assert "set-cookie" not in answer.headers
    assert "This API key is not known here." in answer.text
    assert "no-such-key" not in answer.text


def test_signing_in_leads_nowhere_else(browser):
    for place in ("//evil.example", "https://evil.example", "/ui/x\r\ny: z", "/uix", "/\\evil", ""):
        assert "/ui" == browser.sign_in(next=place).headers["location"]


def test_a_session_ends_with_its_key(browser, keys_file):
    browser.sign_in("reader")
    browser.show("/ui")
    lines = keys_file.read_text()
    keys_file.write_text(lines.replace(sha256(KEYS["reader"]), sha256("another key")))
    browser.show("/ui", status=401)
    keys_file.write_text(lines)
    browser.show("/ui")
    keys_file.write_text(lines.replace("[reader]", "[other]"))
    browser.show("/ui", status=401)


def test_a_cookie_that_was_changed_or_is_old_counts_for_nothing(house, browser, monkeypatch):
    browser.sign_in("reader")
    name, expires, signature = browser.cookies["dissmodel"].split(".")
    for wrong in (
        f"admin.{expires}.{signature}",
        f"{name}.{int(expires) + 1}.{signature}",
        f"{name}.{expires}.{signature[:-1]}",
        f"{name}.{'9' * 400}.{signature}",
        f"{name}.²³.{signature}",
        "..",
        "",
    ):
        answer = house.client.get("/ui", headers={b"Cookie": f"dissmodel={wrong}".encode()})
        assert 401 == answer.status_code
    browser.show("/ui")
    monkeypatch.setattr("dissmodel.service.pages.session.time.time", lambda: int(expires) + 1)
    browser.show("/ui", status=401)


def test_a_cookie_of_another_service_counts_for_nothing(tmp_path):
    keys = Keys(admins=("same",))

    first, second = (session.Sessions(keys, tmp_path / name).begin("same") for name in ("a", "b"))
    assert first != second


def test_a_session_counts_for_pages_and_for_nothing_else(house, browser):
    job = house.job()["job_id"]
    browser.sign_in("admin")

    assert 404 == browser.get(f"/experiments/{'0' * 32}/preview.png").status_code
    with browser.stream("GET", f"/jobs/{job}/events") as answer:
        assert 200 == answer.status_code
    for method, path in (
        ("GET", "/jobs"),
        ("POST", "/submit_job"),
        ("DELETE", f"/job/{job}"),
        ("POST", "/admin/sync"),
        ("DELETE", f"/ogc/jobs/{job}"),
    ):
        assert 401 == browser.request(method, path).status_code


def test_a_form_that_no_page_of_the_session_sent_is_refused(house, browser):
    other = type(browser)(base_url=house.url, timeout=30)
    other.sign_in("reader")
    other.show("/ui")
    browser.sign_in("submitter")
    browser.show("/ui")
    own = {"Sec-Fetch-Site": "same-origin"}
    token = browser.page.split('name="token" value="')[1].split('"')[0]
    foreign = other.page.split('name="token" value="')[1].split('"')[0]
    for headers, fields in (
        (own, {}),
        (own, {"token": "x"}),
        (own, {"token": foreign}),
        ({"Sec-Fetch-Site": "cross-site"}, {"token": token}),
        ({"Sec-Fetch-Site": "same-site"}, {"token": token}),
        ({"Origin": "https://evil.example"}, {"token": token}),
        ({"Origin": "null"}, {"token": token}),
        ({"Origin": "http://[x"}, {"token": token}),
    ):
        answer = browser.post("/ui/sign-out", data=fields, headers=headers)
        assert 403 == answer.status_code
        assert "was not sent by a page of your session" in answer.text
    assert (
        303 == browser.post("/ui/sign-out", data={"token": token}, headers={"Origin": house.url}).status_code
    )
    other.close()


def test_without_keys_nobody_signs_in(open_house):
    with httpx.Client(base_url=open_house.url, timeout=30) as client:
        assert "/ui" == client.get("/ui/sign-in").headers["location"]
        assert "Sign out" not in client.get("/ui").text
        assert 403 == client.post("/ui/sign-out").status_code
        assert 403 == client.get("/ui", headers={"Host": "evil.example"}).status_code


def test_a_browser_that_asks_for_the_service_gets_the_pages(house, browser):
    kinds = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

    assert "/ui" == browser.get("/", headers={"Accept": kinds}).headers["location"]
    for accept in ("*/*", "application/json", "application/json, text/html"):
        assert "dissmodel" == house.client.get("/", headers={"Accept": accept}).json()["service"]
