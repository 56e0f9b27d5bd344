"""A bucket that never ends: its list is read only as far as it may be long."""

import http.server
import threading
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest

from dissmodel.errors import StorageError
from dissmodel.storage.base import TOO_MANY
from dissmodel.storage.credentials import Access, Credentials
from dissmodel.storage.s3 import S3Storage
from dissmodel.storage.settings import Endpoint, Patience

PAGE = 1000


@contextmanager
def endless_bucket(name):
    """Serve pages of keys without end, as ListObjectsV2 has them; give the host and what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            begun = int(parse_qs(urlsplit(self.path).query).get("continuation-token", ["0"])[0])
            asked.append(begun)
            keys = "".join(
                f"<Contents><Key>{name(number)}</Key><Size>1</Size>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>e</ETag></Contents>"
                for number in range(begun, begun + PAGE)
            )
            body = (
                "<ListBucketResult><Name>bucket</Name><IsTruncated>true</IsTruncated>"
                f"<NextContinuationToken>{begun + PAGE}</NextContinuationToken>{keys}</ListBucketResult>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


# The second kind of key is none that a file here may have: it is left out, and counts all the same.
@pytest.mark.parametrize("name", ["a/{:09}", "../{:09}"])
def test_a_list_ends_while_it_is_read(name):
    with endless_bucket(name.format) as (host, asked):
        access = Access(Endpoint(host, secure=False, region="us-east-1"), Credentials("key", "secret"))
        storage = S3Storage(access, "bucket", Patience(connect_s=5, silence_s=5, retries=0))

        with pytest.raises(StorageError, match="more than 2,500 objects") as caught:
            list(storage.list("", most=2500))

    assert TOO_MANY == caught.value.code
    assert [0, PAGE, 2 * PAGE] == asked
