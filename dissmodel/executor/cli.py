"""The command line of one executor, for packages that open it themselves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dissmodel.errors import interruption_in

if TYPE_CHECKING:
    from dissmodel.executor.model_executor import ModelExecutor


_INTERRUPTED = 130


def run_cli(executor_cls: type[ModelExecutor], args: Sequence[str] | None = None) -> None:
    """Open ``run``, ``validate`` and ``show`` on one executor.

    It runs models as ``dissmodel run`` does, with three differences that packages expect: the first 8
    characters of the run's id go into the output's name (``r.tif`` → ``r_1a2b3c4d.tif``, a folder →
    ``<folder>/<model>_1a2b3c4d.<suffix>``), ``profiling_1a2b3c4d.md`` with the time of each phase is written
    beside it, and ``./model.toml`` is read if it is there.

    Parameters
    ----------
    executor_cls : type[ModelExecutor]
        The executor.
    args : sequence of str, optional
        The words after the program's name; by default those of this process.

    Raises
    ------
    SystemExit
        If a command fails, with the exit code of `dissmodel`; after ``validate`` and ``--help`` always. A
        ``run`` or a ``show`` that succeeds returns.

    Examples
    --------
    At the end of an executor's module::

        if __name__ == "__main__":
            run_cli(MyExecutor)
    """
    try:
        # The one import that goes up: packages look for this function here.
        from dissmodel.cli.one_executor import open_on  # noqa: PLC0415

        open_on(executor_cls, args)
    except BaseException as error:
        if isinstance(error, SystemExit) or interruption_in(error) is None:
            raise
        sys.stderr.write("error: interrupted\n")
        sys.exit(_INTERRUPTED)
