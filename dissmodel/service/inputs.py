"""What a job may read as its input."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from dissmodel.errors import UsageError
from dissmodel.service.settings import ServiceSettings
from dissmodel.storage.names import check_key
from dissmodel.storage.place import bucket_and_key
from dissmodel.storage.uri import parse

_BARE = re.compile(r"[\w.() +=,@-]{1,200}")


def admit(uri: str, settings: ServiceSettings) -> str:
    """Return the URI of an input that a job may read.

    Raises
    ------
    UsageError
        If it may not (code ``"input_refused"``).
    """
    if _BARE.fullmatch(uri) and not uri.startswith("."):
        return (
            f"{settings.inputs.rstrip('/')}/{uri}"
            if _is_bucket(settings.inputs)
            else (Path(settings.inputs) / uri).as_uri()
        )
    place = parse(uri)
    if place.scheme == "s3":
        bucket, key = bucket_and_key(place)
        buckets = {
            *settings.buckets,
            *(bucket_and_key(parse(one))[0] for one in (settings.inputs, settings.place) if _is_bucket(one)),
        }
        if bucket in buckets and check_key(key, f"s3://{bucket}"):
            return uri
    elif place.path is not None and place.path.is_absolute():
        folders = [
            settings.inputs_folder,
            *(Path(one) for one in (settings.inputs, settings.place) if not _is_bucket(one)),
        ]
        real = place.path.resolve()
        if any(folder is not None and real.is_relative_to(folder.resolve()) for folder in folders):
            return place.path.as_uri()
    elif place.scheme == "https" and urlsplit(uri).netloc in settings.hosts:
        return uri
    raise UsageError(
        f"{place.shown[:200]}: a job may not read this.",
        "Upload it: POST /data/upload, and give the uri of the answer.",
        code="input_refused",
    )


def _is_bucket(place: str) -> bool:
    return place.startswith("s3://")
