"""Links to what the places hold, for a while: presigned by an object store, or signed here for a folder."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from dissmodel.experiment.layout import Place
from dissmodel.service.refusals import refused
from dissmodel.service.secret_file import secret_of
from dissmodel.storage.local import LocalStorage
from dissmodel.storage.names import check_key
from dissmodel.storage.uri import parse


@dataclass(frozen=True)
class Downloads:
    """The places that links may lead to, by name, and the folder of the key that signs them."""

    places: Mapping[str, Place]
    data_dir: Path

    def link(self, uri: str, seconds: int) -> str:
        """Return a link to an object: a URL, or for a file of this machine the path in this API.

        Raises
        ------
        UsageError
            If it is in none of the places (code ``"uri_refused"``).
        UsageError
            If there is no such object (code ``"object_missing"``).
        StorageError
            If the place fails.
        """
        name, key = self._named(uri)
        place = self.places[name]
        if place.storage.stat(place.key(key)) is None:
            raise refused("object_missing", f"{uri[:200]}: there is no such object.")
        url = place.storage.presign(place.key(key), seconds)
        if url is not None:
            return url
        expires = int(time.time()) + seconds
        return f"/files/{expires}/{self._signature(expires, name, key)}/{name}/{quote(key)}"

    def file(self, expires: int, signature: str, name: str, key: str) -> Path:
        """Return the file that a link leads to.

        Raises
        ------
        UsageError
            If the link is not valid, or not any more (code ``"link_invalid"``).
        UsageError
            If the file is gone.
        """
        expected = self._signature(expires, name, key)
        place = self.places.get(name)
        is_valid = hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))
        if (
            not is_valid
            or expires < time.time()
            or place is None
            or not isinstance(place.storage, LocalStorage)
        ):
            raise refused("link_invalid", "This link is not valid, or not any more.")
        if place.storage.stat(place.key(key)) is None:  # it follows no links
            raise refused("object_missing", f"{key[:200]}: there is no such file.")
        return place.storage.folder.joinpath(*place.key(key).split("/"))

    def _named(self, uri: str) -> tuple[str, str]:
        parsed = parse(uri)
        for name, place in self.places.items():
            text = uri if parsed.path is None else parsed.path.as_posix()
            if text.startswith(place.uri) and (parsed.path is None) == place.uri.startswith("s3://"):
                return name, check_key(text.removeprefix(place.uri), place.uri)
        raise refused("uri_refused", f"{parsed.shown[:200]}: this is not in the places of the service.")

    def _signature(self, expires: int, name: str, key: str) -> str:
        text = f"{expires}\0{name}\0{key}"
        return hmac.new(self._secret, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    @cached_property
    def _secret(self) -> bytes:
        return secret_of(self.data_dir / "links.key")
