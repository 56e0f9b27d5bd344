"""``dissmodel``, and ``python -m dissmodel``."""

from __future__ import annotations

import sys

from dissmodel.errors import interruption_in


def main() -> None:
    """Run the command line; an interruption during the import also becomes one line."""
    try:
        from dissmodel.cli.app import main as run  # noqa: PLC0415  (what takes long to import)

        run()
    except BaseException as error:
        if isinstance(error, SystemExit) or interruption_in(error) is None:
            raise
        sys.stderr.write("error: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
