"""Draw a result: before, after and what changed, beside its record."""

from dissmodel.preview.draw import Preview, PreviewRequest, check_place, preview, preview_of_run

__all__ = ["Preview", "PreviewRequest", "check_place", "preview", "preview_of_run"]
