"""Classes that are built on first use, in threads."""

import threading
import time

from pydantic import BaseModel

from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.record import about, scan, schema
from dissmodel.record.deferred import Deferred


def test_one_thread_at_a_time_builds(monkeypatch):
    inside, most = [], []
    build = vars(BaseModel)["model_rebuild"].__func__

    def model_rebuild(cls, **given):
        inside.append(cls)
        most.append(len(inside))
        time.sleep(0.01)
        try:
            return build(cls, **given)
        finally:
            inside.pop()

    class Part(Deferred):
        number: int

    monkeypatch.setattr(BaseModel, "model_rebuild", classmethod(model_rebuild))
    found = []
    threads = [threading.Thread(target=lambda: found.append(Part(number="3").number)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [3] * 4 == found
    assert [1] == most


def test_every_class_that_is_built_late_is_such_a_class():
    assert all(
        issubclass(one, Deferred)
        for module in (about, scan, schema)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, BaseModel) and one.model_config.get("defer_build")
    )
    assert issubclass(CoastalParameters, Deferred)
