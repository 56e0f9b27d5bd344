"""Measure how the time of redacting a text grows with its length; print a markdown table.

CPU seconds of this process, the least of several repeats: other work on the machine only adds to them.

    python benchmarks/redact.py
    python benchmarks/redact.py --repeats 9
"""

from __future__ import annotations

import argparse
import os
import time

from dissmodel.record.redact import redact

LENGTHS = (250_000, 500_000, 1_000_000)
LIMIT = 6  # times as long for four times as much
# What one rule or another could look at again and again, and two texts as they are.
UNITS = {
    "a log": "2026-01-01 12:00:00 step 17 of 88: flooded=1204, elevation: 3.5 m, wrote /data/out/r17.tif\n",
    "a log with secrets": "GET https://ana:pw@host/a?part=1&X-Amz-Signature=1f2e token=abc tok-0123456789\n",
    "`://`": "://",
    "`://a:`": "://a:",
    "`://x@`": "://x@",
    "`a:`": "a:",
    "`?token=`": "?token=",
    "`token`": "token",
    "`token: ` and blanks": "token:   ",
    "`token=` and an escaped quote": 'token=\\"',
    "`a=token=`": "a=token=",
    "`authorization: `": "authorization: ",
    "`authorization: bearer `": "authorization: bearer ",
    "`password='` and backslashes": "password='\\",
    "`secret:` and words": "secret: nothing listens there ",
    "all but the end of a known secret": "tok-012345678",
}


def seconds(text: str, repeats: int) -> float:
    """Return the CPU seconds that one call takes."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        redact(text)
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    os.environ["MY_TOKEN"] = "tok-0123456789"  # noqa: S105  (made up)
    os.environ["MY_PRIVATE_KEY"] = "\n".join(
        f"{number:04}abcdefghijklmnopqrstuvwxyz+/" for number in range(50)
    )
    lengths = [f"{length / 1e6:g} MB" for length in LENGTHS]
    print(f"Milliseconds of CPU, the least of {repeats} repeats; a secret of 50 lines is known\n")
    print(
        f"| text of | {' | '.join(lengths)} | 1 MB ÷ 0.25 MB | limit |\n|---|{'---:|' * (len(LENGTHS) + 2)}"
    )
    for name, unit in UNITS.items():
        times = [seconds((unit * (length // len(unit) + 1))[:length], repeats) for length in LENGTHS]
        told = " | ".join(f"{1000 * one:.1f}" for one in times)
        print(f"| {name} | {told} | {times[-1] / times[0]:.1f} | {LIMIT} |")


if __name__ == "__main__":
    main()
