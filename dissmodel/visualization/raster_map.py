"""A map of a raster, while the model runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from dissmodel.errors import did_you_mean
from dissmodel.geo.legend import CellClass
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.visualization._utils import is_notebook
from dissmodel.visualization.colours import paint
from dissmodel.visualization.screen import LiveFigure, step_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize

Floats = npt.NDArray[np.float64]
Scheme = Literal["manual", "equal_interval", "quantiles"]


class RasterMap(LiveFigure):
    """A map of a band in each step: of classes if they have colours, else of measures.

    It is shown in a window, a notebook or on a page of Streamlit; where there is none of them, as on a
    server, ``raster_map_frames/<band>_step_<step>.png`` is written.

    Parameters
    ----------
    backend : RasterBackend
        The arrays.
    band : str, default "state"
        Which of them; of a temporal one, the slice of the time.
    title : str, default "RasterMap"
        Above the map, with the band and the step.
    figsize : tuple of (float, float), default (7, 7)
        In inches.
    pause : bool, default True
        Show each step in a window; if False, only the last one.
    interval : float, default 0.5
        Seconds for which a window is shown before the model goes on.
    plot_area : optional
        What Streamlit's ``st.empty()`` returned.
    auto_mask : bool, default True
        Draw only the study area (`RasterBackend.nodata_mask`).
    save_frames : bool, default False
        Write the files also where a window could be opened.
    color_map : mapping of int to str, optional
        The colour of each class, for the legend too; cells of no class are left out.
    labels : mapping of int to str, optional
        What the classes are called.
    cmap : str or matplotlib Colormap, default "viridis"
        The colours of measures.
    scheme : {"manual", "equal_interval", "quantiles"}
        From `vmin` to `vmax`; `k` steps from the least to the greatest value; or from the 2nd to the 98th
        percentile.
    k : int, default 5
        The number of steps.
    vmin, vmax : float, optional
        The least and the greatest value by default.
    legend : bool, default True
        Draw the scale of measures.
    colorbar_label : str, optional
        What is measured; the band by default.
    mask_band, mask_value : str and number, optional
        Another band, and its value in cells that are not drawn, such as the sea.

    Raises
    ------
    ValueError
        If there is no such scheme.

    Examples
    --------
    In a model's ``run``::

        RasterMap(backend=backend, band="uso", color_map={1: "#006400", 3: "#00008b"},
                  labels={1: "mangrove", 3: "sea"}, save_frames=True)
        env.run()
    """

    def setup(  # type: ignore[override]  # noqa: PLR0917  # each model has its own keywords; published names
        self,
        backend: RasterBackend,
        band: str = "state",
        title: str = "RasterMap",
        figsize: tuple[float, float] = (7, 7),
        pause: bool = True,  # noqa: FBT001, FBT002  (a published order)
        interval: float = 0.5,
        plot_area: Any = None,
        auto_mask: bool = True,  # noqa: FBT001, FBT002  (a published order)
        save_frames: bool = False,  # noqa: FBT001, FBT002  (a published order)
        color_map: Mapping[int, str] | None = None,
        labels: Mapping[int, str] | None = None,
        cmap: str | Colormap = "viridis",
        scheme: Scheme = "manual",
        k: int = 5,
        vmin: float | None = None,
        vmax: float | None = None,
        legend: bool = True,  # noqa: FBT001, FBT002  (a published order)
        colorbar_label: str | None = None,
        mask_band: str | None = None,
        mask_value: float | None = None,
    ) -> None:
        """Take what to show, and where."""
        if scheme not in get_args(Scheme):
            raise ValueError(f"There is no scheme {scheme!r}. {did_you_mean(scheme, get_args(Scheme))}")
        self.backend, self.band, self.title, self.auto_mask = backend, band, title, auto_mask
        names = labels or {}
        self._classes = tuple(
            CellClass(code, names.get(code, str(code)), colour)
            for code, colour in sorted((color_map or {}).items())
        )
        self.cmap, self.scheme, self.k, self.vmin, self.vmax = cmap, scheme, k, vmin, vmax
        self.legend, self.colorbar_label = legend, colorbar_label
        self.mask_band, self.mask_value = mask_band, mask_value
        self._open("raster_map_frames", figsize, pause, interval, plot_area, save_frames, is_notebook())

    @property
    def _frame(self) -> str:
        return self.band

    def _draw(self, axes: Axes) -> None:
        now = self.env.now()
        axes.set_title(f"{self.title} [{self.band}] — Step {step_text(now)}", parse_math=False)
        axes.set_axis_off()
        if self.band not in self.backend.arrays:
            # Some bands are made only by a later step.
            axes.text(0.5, 0.5, f"There is no band {self.band!r}.", ha="center", parse_math=False)
            return
        values = self._without_masked(self.backend.get(self.band, time=now).astype(np.float64))
        up = self.backend.transform is not None and self.backend.transform.e > 0
        origin: Literal["upper", "lower"] = "lower" if up else "upper"
        if self._classes:
            self._draw_classes(axes, values, origin)
        else:
            self._draw_measures(axes, values, origin)

    def _without_masked(self, values: Floats) -> Floats:
        """Return the values, NaN in cells that are not drawn."""
        values[np.isinf(values)] = np.nan
        inside = self.backend.nodata_mask if self.auto_mask else None
        if inside is not None:
            values[~inside] = np.nan
        if self.mask_band in self.backend.arrays and self.mask_value is not None:
            values[self.backend.arrays[self.mask_band] == self.mask_value] = np.nan
        return values

    def _draw_classes(self, axes: Axes, values: Floats, origin: Literal["upper", "lower"]) -> None:
        from matplotlib.patches import Patch  # noqa: PLC0415  (loaded when something is drawn)

        axes.imshow(paint(values, self._classes), origin=origin, interpolation="nearest")
        patches = [
            Patch(facecolor=one.colour, edgecolor="#444444", linewidth=0.5, label=one.name)
            for one in self._classes
        ]
        # All classes, so that the map is at the same place in each frame.
        legend = axes.figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)

    def _draw_measures(self, axes: Axes, values: Floats, origin: Literal["upper", "lower"]) -> None:
        image = axes.imshow(
            values,
            cmap=self.cmap,
            norm=self._norm(values[~np.isnan(values)]),
            origin=origin,
            interpolation="nearest",
        )
        if self.legend:
            label = self.band if self.colorbar_label is None else self.colorbar_label
            bar = axes.figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02)
            bar.set_label(label, parse_math=False)

    def _norm(self, values: Floats) -> Normalize:
        """Return how measures become colours."""
        import matplotlib as mpl  # noqa: PLC0415  (loaded when something is drawn)
        from matplotlib.colors import BoundaryNorm, Normalize  # noqa: PLC0415  (the same)

        if not values.size:
            return Normalize(0, 1)
        low, high = (
            float(value)
            for value in np.percentile(values, (2, 98) if self.scheme == "quantiles" else (0, 100))
        )
        if self.scheme == "manual":
            low = low if self.vmin is None else self.vmin
            high = high if self.vmax is None else self.vmax
        if low == high:
            high = low + 1
        if self.scheme == "equal_interval":
            return BoundaryNorm(np.linspace(low, high, self.k + 1), mpl.colormaps.get_cmap(self.cmap).N)
        return Normalize(low, high)
