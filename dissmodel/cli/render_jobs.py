"""What a person, or a program, reads of a server's jobs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dissmodel.cli import layout
from dissmodel.cli.render import print_json, print_line, print_table, tell, value_text
from dissmodel.errors import shell_word
from dissmodel.printable import cut, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dissmodel.client.jobs import Job
    from dissmodel.client.status import JobStatus


def submitted(job: Job, url: str, *, as_json: bool, quiet: bool) -> None:
    """Print the id of a job, and on standard error how to go on."""
    # The id also if quiet: a script reads it.
    tell({"job_id": job.id, "server": url}, job.id, as_json=as_json, quiet=False)
    if not (as_json or quiet):
        sys.stderr.write(f"Wait for it: dissmodel jobs wait {job.id} --server {shell_word(url)}\n")


def listed(found: Sequence[JobStatus], *, as_json: bool) -> None:
    """Print a table of jobs."""
    if as_json:
        print_json({"jobs": found})
        return
    rows = [
        (one.job_id, one.status, one.model_name, f"{one.created_at:%Y-%m-%d %H:%M}", f"{one.progress} %")
        for one in found
    ]
    print_table(("job", "status", "model", "submitted (UTC)", "done"), rows)


def shown(one: JobStatus, *, as_json: bool) -> None:
    """Print a job."""
    if as_json:
        print_json({"job": one})
        return
    rows = [("job", one.job_id), ("status", one.status), ("model", one.model_name)]
    rows += [("submitted", f"{one.created_at:%Y-%m-%d %H:%M:%S %Z}")]
    rows += [("ended", f"{one.finished_at:%Y-%m-%d %H:%M:%S %Z}")] if one.finished_at else []
    if one.status == "running":
        step = f", step {one.step} of {one.steps}" if one.steps else ""
        rows.append(("progress", f"{one.progress} %: {one.phase or 'begins'}{step}"))
    rows += [(f"parameter {name}", value_text(value)) for name, value in one.parameters.items()]
    if one.error is not None:
        rows += [("error", f"{one.error.code}: {one.error.message}"), ("hint", one.error.hint)]
    cells = [(name, printable(cut(value))) for name, value in rows if value]
    for line in layout.pairs(cells, layout.terminal_width()):
        print_line(line)
