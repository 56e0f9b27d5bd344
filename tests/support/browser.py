"""A Chromium without a window, told what to do by its own protocol over a pipe."""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time

PATIENCE_S = 300


class Chromium:
    """One tab of a browser; `requests` are those of the page that was opened last, with their bytes."""

    def __init__(self, writing, reading):
        self._writing, self._reading = writing, reading
        self._numbers, self._rest, self._events = itertools.count(1), b"", []
        self._session = None
        target = self.tell("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.tell(f"{domain}.enable")

    def tell(self, method, **words):
        """Send a command; return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": words}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while (answer := self._message()).get("id") != number:
            self._events.append(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def _message(self):
        late = time.monotonic() + PATIENCE_S
        while b"\0" not in self._rest:
            assert select.select([self._reading], [], [], late - time.monotonic())[0], "the browser is silent"
            piece = os.read(self._reading, 1 << 20)
            assert piece, "the browser has ended"
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)

    def open(self, url):
        """Go to a page, and wait until all of it is there."""
        self._events.clear()
        self.tell("Page.navigate", url=url)
        while not any(one.get("method") == "Page.loadEventFired" for one in self._events):
            self._events.append(self._message())
        self.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))")

    def ask(self, script):
        """Return what a script of the page gives, also what it promises."""
        found = self.tell("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script):
        """Wait until a script gives something true; return that."""
        late = time.monotonic() + PATIENCE_S
        while not (found := self.ask(script)):
            assert time.monotonic() < late, script
            time.sleep(0.1)
        return found

    def show_as(self, *, width, scheme="light", height=1000, script=True):
        """Set the window's size, the colours that a user likes, and whether scripts run."""
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.tell("Emulation.setScriptExecutionDisabled", value=not script)

    def press(self, key, **more):
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.tell("Input.dispatchKeyEvent", type=kind, key=key, **more)

    def picture(self):
        """Return the whole page as a PNG."""
        size = self.tell("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
        found = self.tell("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    @property
    def requests(self):
        """The addresses that the last page asked for, each with the bytes that came."""
        urls, sizes = {}, {}
        for one in self._events:
            words = one.get("params", {})
            if one.get("method") == "Network.requestWillBeSent":
                urls[words["requestId"]] = words["request"]["url"]
            elif one.get("method") == "Network.loadingFinished":
                sizes[words["requestId"]] = words["encodedDataLength"]
        return {url: sizes.get(number, 0) for number, url in urls.items() if not url.startswith("data:")}

    @property
    def complaints(self):
        """What the browser has logged of the last page: scripts that failed, what the policy refused."""
        found = [one["params"] for one in self._events if one.get("method") == "Runtime.exceptionThrown"]
        found += [one["params"]["entry"] for one in self._events if one.get("method") == "Log.entryAdded"]
        return [json.dumps(one)[:600] for one in found]


@contextlib.contextmanager
def chromium(folder):
    """Run a browser for the block, with its files in a folder."""
    (from_us, writing), (reading, to_us) = os.pipe(), os.pipe()
    words = [shutil.which("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    words += ["--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={folder}"]
    command = f'exec "$@" 3<&{from_us} 4>&{to_us}'
    process = subprocess.Popen(
        ["bash", "-c", command, "bash", *words, "--remote-debugging-pipe"],
        pass_fds=(from_us, to_us),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    os.close(from_us)
    os.close(to_us)
    try:
        yield Chromium(writing, reading)
    finally:
        os.close(writing)
        process.terminate()
        process.wait(20)
        os.close(reading)
