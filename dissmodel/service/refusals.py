"""What the service refuses: for each code of an error, its HTTP status and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dissmodel.errors import UsageError

REFUSALS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "job_ended": (400, "Only a job that waits or runs can be cancelled."),
        "sweep_ended": (400, "Only a sweep whose runs wait or run can be cancelled."),
        "not_completed": (400, "Only an experiment that completed has a result."),
        "no_key": (401, "Send it in the header X-API-Key, or as a bearer token."),
        "wrong_key": (403, "Send it in the header X-API-Key, or as a bearer token."),
        "wrong_role": (403, "Ask the administrator of the service for another key."),
        "form_refused": (403, "Open the page again, and send the form once more."),
        "foreign_request": (403, "Use http://127.0.0.1:PORT on the same machine, or set service.keys."),
        "link_invalid": (403, "Ask for another link: GET /download"),
        "unknown_job": (404, "List the jobs: GET /jobs"),
        "unknown_sweep": (404, "List the sweeps: GET /sweeps"),
        "unknown_model": (404, "List the models: GET /models"),
        "object_missing": (404, "Check its name."),
        "record_missing": (404, "Check the id of the experiment."),
        "no_record": (404, "See why: GET /job/ID"),
        "no_picture": (404, "Get its files: GET /download"),
        "no_product": (404, "Get its files: GET /download"),
        "body_slow": (408, "Send it again."),
        "ambiguous_model": (409, "Give the whole name of one of them."),
        "not_ended": (409, "Ask again when the job has ended."),
        "object_exists": (409, "Give another name."),
        "key_reused": (409, "Send another key with each new job."),
        "job_dismissed": (410, "Run it again."),
        "body_too_large": (413, "Leave out what the model does not need; upload data: POST /data/upload"),
        "bad_key": (422, "Send 1 to 255 characters, such as a UUID."),
        "bad_keys": (422, "Make the lines of a key: dissmodel serve --new-key NAME"),
        "bad_model_name": (422, "Write NAME or REGISTRY/NAME, with letters, digits, - and _."),
        "bad_package": (422, "Give it as name==version or git+https://host/org/repo@tag."),
        "package_missing": (422, "Submit one run of the model, which installs it; then the sweep."),
        "bad_process_input": (422, "See its inputs: GET /ogc/processes/ID"),
        "bad_page": (422, "Take it from next."),
        "bad_upload": (422, "Send a form with file and label, in letters, digits, spaces and _.()+=,@-"),
        "path_parameter": (422, "Leave it out: it would be a path of the server."),
        "storage_bucket": (422, "Check its name."),
        "storage_key": (422, "Check its name."),
        "uri_refused": (422, "Give the output_path of a job, or the uri of an upload."),
        "address_in_use": (422, "Give another port: --port 8001"),
        "keys_needed": (422, "Make a key: dissmodel serve --new-key NAME, or leave --host out."),
        "queue_full": (429, "Try again later."),
        "too_many_streams": (429, "Ask for the job: GET /job/ID"),
        "sync_failed": (502, "Check the registries and the network."),
        "not_ready": (503, "Try again soon."),
    }
)
"""The errors that a client or an administrator can cause; other codes go by their class."""


def refused(code: str, message: str) -> UsageError:
    """Return the error with this code, and the hint that goes with it."""
    return UsageError(message, REFUSALS[code][1], code=code)
