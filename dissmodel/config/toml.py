"""TOML from a file that is not trusted."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_AT = re.compile(r"\(at line (\d+), column \d+\)")


class NotToml(ValueError):
    """A text is not TOML; its text says why, and ``line`` where, counted from 1, if that is known."""

    line: int | None = None


def parse(data: bytes) -> dict[str, Any]:
    r"""Return what the bytes of a TOML file say.

    >>> parse(b'\xef\xbb\xbfname = "coast"')
    {'name': 'coast'}

    Raises NotToml if they are not TOML, or not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotToml("it is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        # Before Python 3.14 only the text of the error has the line.
        at = _AT.search(str(error))
        wrong = NotToml(str(error))
        wrong.line = int(at[1]) if at is not None else len(text.splitlines())
        raise wrong from None
