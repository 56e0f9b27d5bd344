"""A run in tiles: whether it is one, and its rounds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dissmodel import progress
from dissmodel.cells.file_values import counter_of_tag
from dissmodel.cells.layout import Pixels
from dissmodel.cells.reading import PASSO, CellData, rows_of
from dissmodel.cells.tiles import journal as journals
from dissmodel.cells.tiles.files import WorkingFiles, made, twin
from dissmodel.cells.tiles.plan import (
    Plan,
    anonymous_memory,
    choose,
    free_memory,
    give_back,
    needed_memory,
    said,
    tile_bytes,
)
from dissmodel.cells.tiles.task import Slab, Stored, Target, Task, TileRule, Whole, advance_tile
from dissmodel.errors import StorageError, UsageError
from dissmodel.executor import ExperimentRecord, seeds
from dissmodel.executor.config import settings
from dissmodel.executor.until import EndingSteps
from dissmodel.io.bands import FileBands
from dissmodel.record.digest import sha256_file
from dissmodel.record.schema import Tiles

if TYPE_CHECKING:
    from dissmodel.cells.model import CellModel
    from dissmodel.cells.tiles.examine import Examined

_LEAST_BLOCK, _MOST_BLOCK = 2**16, 2**20  # cells that are read at once
_READ_COPIES = 4  # of a block, while it is checked


def tiles_of(model: CellModel, bands: Any, record: ExperimentRecord, parameters: Any) -> TiledRun | None:
    """Return what runs a model in tiles, where that is asked for or memory does not suffice.

    None where it can't be done and memory may suffice.

    Raises
    ------
    UsageError
        If it is asked for and can't be done.
    InvalidInput
        If memory does not suffice, and the model can't be run in tiles.
    """
    asked = settings.memory
    if not isinstance(bands, FileBands):
        raise UsageError(
            "--memory is for rasters, and the input is none.", "Leave --memory out.", code="memory"
        )
    first = record_step(bands, model) + 1
    why, rule, examined = "", None, None
    if str(record.output_path).lower().endswith(".nc"):
        why = "a file of all states (.nc) is written from memory"
    elif settings.tiles is None:
        why = "there is no folder for its working files"
    else:
        rule, examined = model.tile_rule(parameters, record, range(first, parameters.end_time + 1))
        why = "" if examined.step.cells is not None else examined.step.said
    if why or rule is None or examined is None:
        if asked is not None or settings.resume:
            raise UsageError(
                f"{model.name} can't be run in tiles: {why}.",
                "Leave --memory out; then the run takes place in memory.",
                code="whole_space",
            )
        bands.check_size(
            f"{model.name} can't be run in tiles, with --memory: {why}. Cut out a part of the input."
        )
        return None
    if asked is None:
        needed, free = needed_memory(model, bands, record, parameters), free_memory()
        asked = free // 2
        if needed > free:
            progress.current().warn(
                f"In memory the cells would take about {said(needed)}, and {said(free)} are free: the run is "
                f"done in tiles, as with --memory {said(asked)}."
            )
    return TiledRun(bands, record, rule, examined, asked, model.run_fields(parameters))


def record_step(bands: FileBands, model: CellModel) -> int:
    """Return the step that a raster belongs to."""
    tag = bands.meta["tags"].get(PASSO)
    return model.first_step - 1 if tag is None else counter_of_tag(PASSO, tag)


class TiledRun:
    """The rounds of one run.

    Attributes
    ----------
    arrays : WorkingFiles
        Where the dataset is read to.
    resumed : Journal or None
        What a run that was killed had finished.
    """

    def __init__(  # noqa: PLR0917  (what a run is made of)
        self,
        bands: FileBands,
        record: ExperimentRecord,
        rule: TileRule,
        examined: Examined,
        memory: int,
        fields: Mapping[str, Any],
    ) -> None:
        folder = settings.tiles
        assert folder is not None  # see `tiles_of`
        self._folder, self._rule, self._memory = folder, rule, memory
        self._run = journals.run_of(record)
        self._examined, self._fields = examined, fields
        self.resumed = journals.read(folder, self._run) if settings.resume else None
        self._kept: dict[str, Any] = dict(self.resumed.kept) if self.resumed else {}
        slot = "a"
        folder.mkdir(exist_ok=True)
        if self.resumed is not None:
            used = {file for file, _ in self.resumed.state.values()}
            slot = "b" if any(file.endswith(".a") for file in used) else "a"
            for path in folder.iterdir():
                if path.suffix in {".a", ".b"} and path.name not in used:
                    path.unlink()
        self._check_room(bands)
        base = anonymous_memory()
        row = _READ_COPIES * sum(dtype.itemsize for dtype in bands.dtypes.values())
        most = min(_MOST_BLOCK, max(_LEAST_BLOCK, (memory - base) // row))
        self.arrays = WorkingFiles(folder, most, slot)

    def _check_room(self, bands: FileBands) -> None:
        sizes = [one.dtype.itemsize * (1 + one.changes) for one in self._fields.values()]
        others = sum(dtype.itemsize for name, dtype in bands.dtypes.items() if name not in self._fields)
        needed = bands.shape[0] * bands.shape[1] * (sum(sizes) + others + 1)
        free = shutil.disk_usage(self._folder).free
        held = 0 if self.resumed is None else sum(kept[1] for _, kept in self.resumed.state.values())
        if needed - held > free:
            raise StorageError(
                f"{self._folder.parent} has no room for the working files: about {said(needed)} are needed, "
                f"{said(free)} are free.",
                "Make room, or give an output on another disk: --output FOLDER/NAME",
            )

    def simulate(
        self,
        data: CellData,
        steps: Any,
        record: ExperimentRecord,
        seed: Callable[[], int],
        keeps: Callable[[int], bool],
    ) -> Iterator[Mapping[str, Any]]:
        """Do round after round and yield the measures of each step, as `CellModel.simulate`.

        The state in `data` is that after a step only where the state after this step is kept, and at the end.
        """
        pixels = data.layout
        assert isinstance(pixels, Pixels)
        self._cut(data, pixels, len(steps))
        record.tiles = Tiles(
            memory=self._memory,
            rows=self.plan.rows,
            tiles=-(-pixels.shape[0] // self.plan.rows),
            steps=self.plan.steps,
            resumed_after=None if self.resumed is None else self.resumed.step,
        )
        rows: list[dict[str, Any]] = []
        finished, changed, drawn = steps[0] - 1, False, None
        current = seeds.current()
        if self.resumed is not None:
            rows, finished, changed = list(self.resumed.rows), self.resumed.step, self.resumed.changed
            if current is not None and current.is_drawn and self.resumed.seed is not None:
                current.value = self.resumed.seed
            for name, (file, _) in self.resumed.state.items():
                loaded = data.values[name]
                data.values[name] = np.memmap(self._folder / file, loaded.dtype, "r+", shape=loaded.shape)
            record.add_log(f"The run was resumed after step {finished}.")
        if self._examined.draws:
            drawn = seed()
        for row in rows:
            yield row
        while finished < steps[-1] and not getattr(steps, "ended", False):
            last = next(
                (step for step in range(finished + 1, finished + self.plan.steps) if keeps(step)),
                min(finished + self.plan.steps, steps[-1]),
            )
            before = dict(data.values)
            last, measured, moved = self._round_that_holds(
                data, pixels, steps, (finished + 1, last), drawn, record
            )
            for step, row in enumerate(measured, finished + 1):
                yield row
                if getattr(steps, "ended", False) and step < last:
                    data.values.update(before)
                    measured, moved = self._round(data, pixels, (finished + 1, step), drawn, record)
                    last = step
                    break
            rows += measured
            changed, finished = changed or moved, last
            self._note(data, rows, finished, changed=changed, seed=drawn)
        if not changed:
            self.unchanged = True

    unchanged = False

    def keep(self, step: int, path: Path, write: Callable[[], str]) -> str:
        """Write a state that is kept, or bring it back from the run that was killed; return its sha256."""
        known = self._kept.get(str(step))
        if known is None:
            digest = write()
            files = [one for one in sorted(path.parent.iterdir()) if one.name.startswith(f"{path.stem}.")]
            ends = {
                f"{step}-{number}.kept": one.name.removeprefix(path.stem) for number, one in enumerate(files)
            }
            for name, end in ends.items():
                _copy(path.with_name(f"{path.stem}{end}"), self._folder / name)
            self._kept[str(step)] = {"sha256": digest, "ends": ends}
            return digest
        for name, end in known["ends"].items():
            _copy(self._folder / name, path.with_name(f"{path.stem}{end}"))
        if sha256_file(path) != known["sha256"]:
            raise UsageError(
                f"{self._folder}: the state after step {step} changed since it was kept.",
                "Leave --resume out: the run begins anew.",
                code="resume",
            )
        return str(known["sha256"])

    def _cut(self, data: CellData, pixels: Pixels, steps: int) -> None:
        """Choose rows and steps, and find out how many cells are before each row."""
        give_back()
        cell = tile_bytes(self._fields, self._examined, ordered=pixels.order is not None)
        self.plan: Plan = choose(self._memory, cell, self._examined, pixels.shape, steps)
        counts = [np.count_nonzero(pixels.inside[rows], axis=1) for rows in rows_of(pixels.shape)]
        self._before = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        transform = tuple(pixels.transform_of_picture)[:6]
        crs = None if pixels.crs is None else pixels.crs.to_wkt()
        self._whole = Whole(*pixels.shape, data.layout.cells, transform, crs, pixels.flipped)

    def _round_that_holds(  # noqa: PLR0917  (as `_round`)
        self,
        data: CellData,
        pixels: Pixels,
        all_steps: Any,
        steps: tuple[int, int],
        seed: int | None,
        record: ExperimentRecord,
    ) -> tuple[int, list[dict[str, Any]], bool]:
        """Do a round, of its first step only if another fails that a condition may not let happen.

        Return its last step, the measures of each, and whether anything changed.
        """
        before = dict(data.values)
        try:
            return steps[1], *self._round(data, pixels, steps, seed, record)
        except Exception:
            if steps[0] == steps[1] or not isinstance(all_steps, EndingSteps):
                raise
        data.values.update(before)
        return steps[0], *self._round(data, pixels, (steps[0], steps[0]), seed, record)

    def _round(
        self,
        data: CellData,
        pixels: Pixels,
        steps: tuple[int, int],
        seed: int | None,
        record: ExperimentRecord,
    ) -> tuple[list[dict[str, Any]], bool]:
        """Advance all tiles; return the measures of each step, and whether anything changed."""
        targets = {}
        for name, field in self._fields.items():
            if field.changes:
                now = data.values[name]
                path = twin(_path_of(now))
                if not path.exists():
                    made(path, now.shape, now.dtype)
                targets[name] = path
        parts: list[list[Any]] = []
        changed = False
        tasks = list(self._tasks(data, pixels, steps, seed, targets))
        for task in tasks:
            progress.note(f"steps {steps[0]} to {steps[1]}, tile {task.number + 1} of {len(tasks)}")
            advanced = advance_tile(task).advanced
            give_back()
            if advanced.parts is not None:
                parts.append(advanced.parts)
            changed = changed or advanced.changed
            if advanced.kernel is not None and record.runtime is not None:
                record.runtime.kernel, record.runtime.threads = advanced.kernel
        for name, path in targets.items():
            with path.open("r+b") as stream:
                os.fsync(stream.fileno())
            now = data.values[name]
            data.values[name] = np.memmap(path, now.dtype, "r+", shape=now.shape)
        measured = [
            dict(self._rule.measures(step, [one[number] for one in parts], self._whole))
            for number, step in enumerate(range(steps[0], steps[1] + 1))
        ]
        return measured, changed

    def _tasks(
        self,
        data: CellData,
        pixels: Pixels,
        steps: tuple[int, int],
        seed: int | None,
        targets: Mapping[str, Path],
    ) -> Iterator[Task]:
        rows, halo = pixels.shape[0], self.plan.halo(steps[1] - steps[0] + 1)
        for number, top in enumerate(range(0, rows, self.plan.rows)):
            bottom = min(top + self.plan.rows, rows)
            first, last = max(0, top - halo), min(rows, bottom + halo)
            yield Task(
                rule=self._rule,
                whole=self._whole,
                number=number,
                rows=(top, bottom),
                window=(first, last),
                rank=int(self._before[first]),
                steps=steps,
                seed=seed,
                threads=settings.threads,
                inside=_stored(pixels.inside),
                order=None if pixels.order is None else _stored(pixels.order),
                fields={name: _stored(data.values[name]) for name in self._fields},
                targets={name: Target(str(path)) for name, path in targets.items()},
            )

    def _note(
        self, data: CellData, rows: list[dict[str, Any]], step: int, *, changed: bool, seed: int | None
    ) -> None:
        """Write into the journal that all steps up to `step` are finished."""
        files = {name: _path_of(data.values[name]) for name, one in self._fields.items() if one.changes}
        state = {name: [path.name, journals.identity(path)] for name, path in files.items()}
        journals.write(
            journals.Journal(self._run, seed, step, state, rows, changed, self._kept), self._folder
        )


def _path_of(array: Any) -> Path:
    return Path(array.filename)


def _stored(array: Any) -> Stored:
    rows, cols = array.shape
    return Stored(array.dtype.str, cols, (Slab(str(array.filename), 0, rows),))


def _copy(source: Path, to: Path) -> None:
    """Give a file a second name, or copy it where the disk has no second names."""
    to.unlink(missing_ok=True)
    try:
        os.link(source, to)
    except OSError:
        shutil.copyfile(source, to)
