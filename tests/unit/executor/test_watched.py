"""A watched dictionary is a plain one for whoever uses it, and knows what was read of it."""

import collections
import copy
import json
import pickle
import pprint
import types
from dataclasses import dataclass

import pydantic
import pytest
import yaml

from dissmodel.executor.watched import Given, Watched, explanations
from dissmodel.record import ExperimentRecord

PLAIN = {"rate": 0.5, "steps": 3, "name": "coast"}


class Model(pydantic.BaseModel):
    rate: float = 0.0


@dataclass
class Data:
    rate: float
    steps: int
    name: str


def matched(given):
    match given:
        case {"rate": rate}:
            return rate
    return None


def updated(given):
    new = {"other": 1}
    new.update(given)
    return new


ONE = {
    "by name": lambda p: p["rate"],
    "get": lambda p: p.get("rate"),
    "get with a default": lambda p: p.get("rate", 1),
    "in": lambda p: "rate" in p,
    "in its keys": lambda p: "rate" in p.keys(),  # noqa: SIM118  (many a model writes it so)
    "pop": lambda p: p.pop("rate"),
    "setdefault": lambda p: p.setdefault("rate", 1),
    "del": lambda p: p.__delitem__("rate"),
    "format_map": "{rate}".format_map,
    "percent": lambda p: "%(rate)s" % p,  # noqa: UP031  (many a model writes it so)
    "match": matched,
    "a chain": lambda p: collections.ChainMap(p, {})["rate"],
    "a proxy": lambda p: types.MappingProxyType(p)["rate"],
    "pydantic": Model.model_validate,
}
ALL = {
    "dict": dict,
    "copy": lambda p: p.copy(),
    "deepcopy": copy.deepcopy,
    "two stars": lambda p: {**p},
    "a call": lambda p: Data(**p),
    "|": lambda p: p | {},
    "| from the right": lambda p: {} | p,
    "update": updated,
    "items": lambda p: list(p.items()),
    "values": lambda p: list(p.values()),
    "keys": lambda p: list(p.keys()),
    "for": list,
    "reversed": lambda p: list(reversed(p)),
    "sorted": sorted,
    "json": json.dumps,
    "json, in Python": lambda p: json.dumps(p, indent=1),
    "pickle": lambda p: pickle.loads(pickle.dumps(p)),
    "pprint": pprint.pformat,
    "OrderedDict": collections.OrderedDict,
    "defaultdict": lambda p: collections.defaultdict(int, p),
    "pydantic, a dictionary": pydantic.TypeAdapter(dict[str, object]).validate_python,
}
NONE = {
    "len": len,
    "bool": bool,
    "str": str,
    "a comparison": lambda p: p == {},
    "writing": lambda p: p.update(rate=1),
    "another name": lambda p: p.get("else"),
}


@pytest.mark.parametrize(
    ("how", "unread"),
    [
        *((how, ["steps", "name"]) for how in ONE.values()),
        *((how, []) for how in ALL.values()),
        *((how, ["rate", "steps", "name"]) for how in NONE.values()),
    ],
    ids=[*ONE, *ALL, *NONE],
)
def test_what_counts_as_read_and_what_comes_of_it(how, unread):
    plain, watched = dict(PLAIN), Watched(PLAIN)

    assert how(plain) == how(watched)
    assert plain == watched
    assert unread == list(watched.unread)


def test_it_passes_for_a_dictionary():
    watched = Watched(PLAIN)

    assert isinstance(watched, dict)
    assert dict == type(watched)  # noqa: E721  (as libraries ask)
    assert {dict: "found"}[type(watched)] == "found"
    assert {dict} == {type(one) for one in (watched.copy(), copy.deepcopy(watched), watched | {})}
    assert dict is type(pickle.loads(pickle.dumps(watched)))
    with pytest.raises(KeyError):
        watched["else"]
    with pytest.raises(KeyError):
        watched.pop("else")


def test_yaml_writes_it():
    assert yaml.safe_dump(PLAIN) == yaml.safe_dump(Watched(PLAIN))


def test_a_record_with_it_is_written_as_any():
    record = ExperimentRecord(parameters=PLAIN, band_map={"uso": "a"}, column_map={"alt": "b"})
    expected = record.model_dump_json()

    given = Given.in_record(record)

    assert expected == record.model_dump_json()
    assert {"alt": None} == given.column_map.unread
    assert expected == record.model_copy(deep=True).model_dump_json()
    assert ExperimentRecord.model_validate_json(expected) == record


def raised(parameters, work, origin="command line"):
    record = ExperimentRecord(parameters=parameters, parameter_origin=dict.fromkeys(parameters, origin))
    given = Given.in_record(record)
    try:
        work(record.parameters)
    except Exception as error:  # noqa: BLE001  (whatever it is)
        given.explain(error)
        return explanations(error)
    raise AssertionError


class Holder:
    """A model that keeps what it read."""

    def __init__(self, parameters):
        self.rate = parameters["rate"]
        self.name = parameters["name"]

    def run(self):
        return 2.5 * self.rate


def kept(parameters):
    name, rate = parameters["name"], parameters["rate"]
    assert name
    return _times(rate)


def _times(value):
    return value * 2.5


TEXTS = {"rate": "0,5 m", "name": "a coast", "other": "never read"}
RATE = ["the parameter rate is the text '0,5 m' (command line)"]
NAME = ["the parameter name is the text 'a coast' (command line)"]


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda p: p["rate"] * 2.5, RATE),
        (kept, RATE),
        (lambda p: Holder(p).run(), [*RATE, *NAME]),
        (lambda p: float(p["rate"]), RATE),
        (lambda p: p["name"] and float(p["rate"]), RATE),
        (lambda p: range(p["rate"]), RATE),
        (lambda p: p["rate"] < 1, RATE),
        (lambda p: __import__("numpy").ones(2) * p["rate"], RATE),
        (lambda p: __import__("math").exp(p["rate"]), RATE),
        (lambda p: p["rate"] and len(3), []),
        (lambda p: p["rate"] and int("other"), []),
        (lambda p: p["rate"] and {}["x"], []),
        (lambda _p: "x" * 2.5, []),
    ],
)
def test_a_text_in_place_of_a_number_is_named(work, expected):
    assert expected == raised(TEXTS, work)


def test_a_secret_is_not_shown():
    said = raised({"api_token": "x,y"}, lambda p: p["api_token"] * 2.5)

    assert ["the parameter api_token is the text (command line)"] == said
