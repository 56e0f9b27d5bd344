"""Who sees the progress of work, and who is asked for consent: a terminal, a notebook, or nobody."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelError, DissmodelWarning
from dissmodel.printable import printable
from dissmodel.progress import Heard, Reporter, Silent, current, is_reported, reporting

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

T = TypeVar("T")

# What each phase is called; the end of a run has no name.
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
    "sweep": "running",
}
_REDRAWN_S = 0.1


class Lines(Silent):
    """A reporter that writes lines to standard error; progress itself is not shown.

    Parameters
    ----------
    verbose : bool
        Write the duration of each phase too, not only warnings and what the model prints.
    kept : list of str, optional
        Gets the warnings, which are not written then.
    """

    def __init__(self, *, verbose: bool = False, kept: list[str] | None = None) -> None:
        self._verbose = verbose
        self._kept = kept
        self._phase: tuple[str, float] | None = None

    def phase(self, name: str) -> None:
        """End the last phase and begin this one."""
        self.finish()
        if name in _DOING:
            self._phase = (_DOING[name], time.perf_counter())

    def step(self, done: int, total: int, cells: int = 0) -> None:
        """Show the step and the cells per second."""
        began = self._phase[1] if self._phase else time.perf_counter()
        rate = done * cells / max(time.perf_counter() - began, 1e-9)
        self._move(done, total, f"{done}/{total}" + (f"  {rate / 1e6:.1f} M cells/s" if cells else ""))

    def note(self, text: str) -> None:
        """Show what a step is doing."""

    def transferred(self, done: int, total: int) -> None:
        """Show the megabytes."""
        self._move(done, total, f"{done / 1e6:.0f}/{total / 1e6:.0f} MB")

    def runs(self, done: int, total: int, note: str, line: str) -> None:
        """Show how many of many runs have ended, and, where that is asked for, a line for each."""
        self._move(done, total, note)
        if self._verbose:
            self._write(printable(line))

    def warn(self, message: str) -> None:
        """Keep or write a warning."""
        if self._kept is not None:
            self._kept.append(message)
        else:
            self._write(printable(f"warning: {message}"))

    def output(self, line: str) -> None:
        """Write a line as the model printed it."""
        self._write(line)

    def finish(self) -> None:
        """End the phase that is going on."""
        if self._verbose and self._phase is not None:
            name, began = self._phase
            self._write(f"{name}: {time.perf_counter() - began:.2f} s")
        self._phase = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Show no progress within the block, in which a person is asked."""
        yield

    def _move(self, done: int, total: int, note: str) -> None:
        """Show how much of the phase is done."""

    def _write(self, line: str) -> None:
        sys.stderr.write(line + "\n")


class Bar(Lines):
    """`Lines` with a progress bar below them, for a terminal."""

    def __init__(self, progress: Progress, *, verbose: bool = False, kept: list[str] | None = None) -> None:
        super().__init__(verbose=verbose, kept=kept)
        self._progress = progress
        self._task: TaskID | None = None
        self._noted = 0.0

    def phase(self, name: str) -> None:
        """End the last phase and begin this one, with a bar of its own."""
        super().phase(name)
        if self._task is not None:
            self._progress.refresh()  # a short phase is seen too, at its end
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(_DOING[name], total=None, note="") if name in _DOING else None

    def note(self, text: str) -> None:
        """Show what a step is doing beside the bar, at most ten times a second."""
        if self._task is not None and time.monotonic() - self._noted >= _REDRAWN_S:
            self._noted = time.monotonic()
            self._progress.update(self._task, note=text)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Show no bar within the block."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def _move(self, done: int, total: int, note: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total, note=note)

    def _write(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


class Cell(Lines):
    """`Lines` with a progress bar below a notebook's cell, updated in place and removed at the end."""

    def __init__(self, *, kept: list[str]) -> None:
        super().__init__(kept=kept)
        self._handle: Any = None  # IPython's, which ships no types
        self._drawn = 0.0

    def phase(self, name: str) -> None:
        """End the last phase and begin this one."""
        super().phase(name)
        self._draw("<progress></progress>", "")

    def runs(self, done: int, total: int, note: str, line: str) -> None:
        """Show how many runs have ended, and the time that the others take, which a terminal's bar has."""
        if done and self._phase is not None:
            left = (time.perf_counter() - self._phase[1]) / done * (total - done)
            note = f"{note}, {timedelta(seconds=round(left))} to go"
        super().runs(done, total, note, line)

    def remove(self) -> None:
        """Remove the bar."""
        self.finish()
        self._draw("", "")

    def _move(self, done: int, total: int, note: str) -> None:
        if done >= total or time.monotonic() - self._drawn >= _REDRAWN_S:
            self._draw(f'<progress value="{done}" max="{total}"></progress>', note)

    def _draw(self, bar: str, note: str) -> None:
        text = f"{self._phase[0]:12}{note}" if self._phase is not None else ""
        shown = {"text/plain": text, "text/html": f"{bar} {text}" if text else ""}  # no foreign text is in it
        if self._handle is not None:
            self._handle.update(shown, raw=True)
        elif text:
            self._handle = import_module("IPython.display").display(shown, raw=True, display_id=True)
        self._drawn = time.monotonic()


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    # Only a notebook's shell talks to a kernel; whoever runs in one has loaded IPython.
    running = sys.modules.get("IPython")
    return running is not None and getattr(running.get_ipython(), "kernel", None) is not None


@contextlib.contextmanager
def command_reporter(*, quiet: bool = False, verbose: bool = False) -> Iterator[None]:
    """Report the block to the user of a command: a bar on a terminal, lines elsewhere, nothing if quiet."""
    with contextlib.ExitStack() as stack:
        lines = Lines(verbose=verbose)
        if not quiet and sys.stderr.isatty():
            lines = stack.enter_context(_bar(verbose=verbose))
        stack.enter_context(reporting(Silent() if quiet else lines))
        yield
        lines.finish()


@contextlib.contextmanager
def call_reporter() -> Iterator[Reporter]:
    """Report the block, the body of a public function, to the reporter in use or else to the caller.

    On a terminal or in a notebook there is a bar. Each warning is a `DissmodelWarning` of Python, raised once
    the work has ended: while a model runs its own warnings are caught. A traceback shows an error's hint.
    """
    heard = Heard()
    completed = False
    try:
        with contextlib.ExitStack() as stack:
            reporter: Reporter = heard
            if is_reported():
                reporter = current()
            elif in_notebook():
                reporter = cell = Cell(kept=heard.warnings)
                stack.callback(cell.remove)
            elif sys.stderr is not None and sys.stderr.isatty():
                reporter = stack.enter_context(_bar(kept=heard.warnings))
            stack.enter_context(reporting(reporter))
            yield reporter
        completed = True
    except DissmodelError as error:
        from dissmodel.record.redact import redact  # noqa: PLC0415  (only an error needs it)

        error.message, error.hint = redact(error.message), redact(error.hint)
        error.args = (error.message,)
        if error.hint:
            error.add_note(error.hint)
        raise
    finally:
        for message in heard.warnings:
            # As an error it would hide the one on its way.
            with contextlib.nullcontext() if completed else contextlib.suppress(DissmodelWarning):
                warnings.warn(printable(message), DissmodelWarning, stacklevel=4)


@contextlib.contextmanager
def _bar(*, verbose: bool = False, kept: list[str] | None = None) -> Iterator[Bar]:
    from rich.console import Console  # noqa: PLC0415  (only a terminal needs it)
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415  (as above)

    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, verbose=verbose, kept=kept)


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Show no progress within the block, in which a person may be asked."""
    reporter = current()
    with reporter.paused() if isinstance(reporter, Lines) else contextlib.nullcontext():
        yield


def with_consent(act: Callable[[Consent], T], consent: Consent | None) -> T:
    """Do work that may need consent; where it does, ask and do it again.

    Consent is for exactly what was shown: if something else needs it the next time, it is asked for again.
    """
    given = consent or Consent()
    while True:
        try:
            return act(given)
        except ConsentRequired as error:
            if given.ask is None:
                how = "Give consent with consent=dissmodel.Consent(yes=True)."
                error.hint = f"{how} {error.hint}".strip()
                raise
            with paused():
                if error.what in given.agreed or not given.ask(error):
                    raise
            given = replace(given, agreed=given.agreed | {error.what})
