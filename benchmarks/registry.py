"""A registry of 300 models: its first sync and one with nothing new, beside a bare ``git clone --depth 1``.

Each is a whole command in a process of its own, timed by the wall; the repeats interleave.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

MODELS = 300
LIMIT_S = 1.0
GIT = shutil.which("git") or "git"
SYNC = (sys.executable, "-m", "dissmodel", "registry", "sync", "--quiet")
SPEC = """[model]
name = "{0}"
class = "{0}"
package = "coastal-flood==0.1.0"
description = "A model of the coast."
[model.parameters]
end_time = 10
"""


def publish(folder: Path) -> str:
    """Make a repository of that many models and return its URL."""
    (folder / "models").mkdir(parents=True)
    for number in range(MODELS):
        path = folder / "models" / f"model_{number}.toml"
        path.write_text(SPEC.format(path.stem), encoding="utf-8")
    who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org")
    for words in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "-m", "models")):
        subprocess.run((GIT, "-C", str(folder), *words), check=True)
    return folder.as_uri()


def seconds_of(words: Sequence[str], environment: dict[str, str]) -> float:
    """Return the seconds that a command takes."""
    began = time.perf_counter()
    subprocess.run(words, env={**os.environ, **environment}, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    seconds: dict[str, list[float]] = {"git clone --depth 1": [], "first sync": [], "nothing new": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = publish(folder / "published")
        environment = {
            "DISSMODEL_CONFIG": str(folder / "config.toml"),
            "DISSMODEL_DATA": str(folder / "data"),
            "DISSMODEL_REGISTRY": url,
        }
        for _ in range(repeats):
            for left in ("clone", "data"):
                shutil.rmtree(folder / left, ignore_errors=True)
            clone = (GIT, "clone", "--quiet", "--depth", "1", "--", url, str(folder / "clone"))
            seconds["git clone --depth 1"].append(seconds_of(clone, {}))
            seconds["first sync"].append(seconds_of(SYNC, environment))
            seconds["nothing new"].append(seconds_of(SYNC, environment))
    medians = {what: statistics.median(times) for what, times in seconds.items()}
    clone_s = medians["git clone --depth 1"]
    print(f"Wall seconds of whole commands, {MODELS} models by file://, medians of {repeats} repeats\n")
    print("| what | s | limit |\n|---|---:|---:|")
    print(f"| `git clone --depth 1` | {clone_s:.2f} | |")
    print(f"| the first sync | {medians['first sync']:.2f} | {clone_s + LIMIT_S:.2f} (the clone and 1 s) |")
    print(f"| a sync with nothing new | {medians['nothing new']:.2f} | {LIMIT_S:.2f} |")


if __name__ == "__main__":
    main()
