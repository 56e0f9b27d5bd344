"""What a run costs in an environment that is there already, beside the same model in the process itself.

CPU seconds (user and system) of whole commands with all that they start, medians: the repeats interleave.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

LIMIT_S = 0.6
GIT = shutil.which("git") or "git"
DISSMODEL = (sys.executable, "-m", "dissmodel")
SPEC = '[model]\nclass = "coast_growth"\nexecutor_module = "coast_growth.executor"\npackage = "{}"\n'
DATA = ("--input", "coast-growth/input.tif", "--output", "result.tif", "--overwrite", "--quiet")
HERE = "in the process itself"


def cpu_of(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> float:
    """Return the CPU seconds of a process and of those that it waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env={**os.environ, **environment}, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def publish(folder: Path, environment: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """Make a package with a model; return how it is run, by the form of its package."""
    package = folder / "coast-growth"
    cpu_of((*DISSMODEL, "init", "coast-growth"), environment, folder)
    cpu_of((sys.executable, "make_input.py"), environment, package)
    who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "a model"), ("tag", "v0.1.0")):
        subprocess.run((GIT, "-C", str(package), *words), check=True)
    said = subprocess.run(
        (GIT, "-C", str(package), "rev-parse", "HEAD"), check=True, capture_output=True, text=True
    )
    forms = {
        "a folder": "./coast-growth",
        "a git commit": f"git+{package.as_uri()}@{said.stdout.strip()}",
        "a git tag (its repository is asked)": f"git+{package.as_uri()}@v0.1.0",
    }
    ways: dict[str, Sequence[str]] = {
        HERE: (*DISSMODEL, "run", "coast-growth/coast_growth/executor.py", *DATA)
    }
    for number, (form, text) in enumerate(forms.items()):
        (folder / f"spec{number}.toml").write_text(SPEC.format(text), encoding="utf-8")
        ways[form] = (*DISSMODEL, "run", "--toml", f"spec{number}.toml", *DATA)
    return ways


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            "DISSMODEL_CONFIG": str(folder / "config.toml"),
            "DISSMODEL_DATA": str(folder / "data"),
        }
        ways = publish(folder, environment)
        first = {way: cpu_of((*words, "--yes"), environment, folder) for way, words in ways.items()}
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(repeats):
            for way, words in ways.items():
                seconds[way].append(cpu_of(words, environment, folder))
    medians = {way: statistics.median(times) for way, times in seconds.items()}
    print(f"CPU seconds of whole runs of 60 × 80 cells, medians of {repeats} interleaved repeats\n")
    print("| the model's package | the first run | a later one | over the process itself | limit |")
    print("|---|---:|---:|---:|---:|")
    for way, median in medians.items():
        more = "" if way == HERE else f"{median - medians[HERE]:.2f} | {LIMIT_S}"
        print(f"| {way} | {first[way]:.2f} | {median:.2f} | {more or '|'} |")


if __name__ == "__main__":
    main()
