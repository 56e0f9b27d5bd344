"""Where a run is, as a terminal shows it: nothing in a pipe, nothing that stays."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dissmodel.cli.render import printable
from dissmodel.progress import Reporter, Silent

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# What each phase is called; the end of a run is none.
_DOING = {
    "install": "installing",
    "validate": "checking",
    "load": "loading",
    "run": "running",
    "save": "saving",
    "promote": "finishing",
    "compare": "comparing",
    "download": "downloading",
    "verify": "checking",
    "push": "uploading",
    "pull": "downloading",
}


class Lines(Silent):
    """A reporter that writes lines to standard error.

    Parameters
    ----------
    verbose : bool
        A line per phase too, not only warnings and what the model prints.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._phase: tuple[str, float] | None = None

    def phase(self, name: str) -> None:
        """Say how long the last phase took."""
        self.finish()
        if name in _DOING:
            self._phase = (name, time.perf_counter())

    def warn(self, message: str) -> None:
        """Write it; names in it may come from a file of anyone's."""
        self._write(printable(f"warning: {message}"))

    def output(self, line: str) -> None:
        """Write it as the model did."""
        self._write(line)

    def finish(self) -> None:
        """Say how long the phase took that is over."""
        if self._verbose and self._phase is not None:
            name, began = self._phase
            self._write(f"{_DOING[name]}: {time.perf_counter() - began:.2f} s")
        self._phase = None

    def _write(self, line: str) -> None:
        sys.stderr.write(line + "\n")


class Bar(Lines):
    """`Lines` with a progress bar under them, for a terminal."""

    def __init__(self, progress: Progress, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._progress = progress
        self._task: TaskID | None = None

    def phase(self, name: str) -> None:
        """Begin a bar of its own."""
        super().phase(name)
        if self._task is not None:
            self._progress.refresh()  # a short phase is seen too, at its end
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(_DOING[name], total=None, note="") if name in _DOING else None

    def step(self, done: int, total: int, cells: int = 0) -> None:
        """Move the bar."""
        began = self._phase[1] if self._phase else time.perf_counter()
        rate = done * cells / max(time.perf_counter() - began, 1e-9)
        note = f"{done}/{total}" + (f"  {rate / 1e6:.1f} M cells/s" if cells else "")
        self._update(done, total, note)

    def transferred(self, done: int, total: int) -> None:
        """Move the bar."""
        self._update(done, total, f"{done / 1e6:.0f}/{total / 1e6:.0f} MB")

    def _update(self, done: int, total: int, note: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total, note=note)

    def _write(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def terminal_reporter(*, quiet: bool, verbose: bool) -> Iterator[Reporter]:
    """Give the reporter that fits: a bar on a terminal, lines elsewhere, silence if asked for."""
    if quiet:
        yield Silent()
        return
    if not sys.stderr.isatty():
        lines = Lines(verbose=verbose)
        yield lines
        lines.finish()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = Bar(progress, verbose=verbose)
        yield bar
        bar.finish()
