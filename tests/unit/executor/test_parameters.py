"""Parameters know where they came from."""

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from dissmodel.errors import UsageError
from dissmodel.executor.parameters import Layer, describe, resolve


class Declared(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    steps: int = Field(10, ge=1, description="How many.", json_schema_extra={"unit": "step"})
    rate: float = Field(
        0.5,
        ge=0,
        lt=9,
        allow_inf_nan=False,
        validation_alias=AliasChoices("rate", "taxa"),
        json_schema_extra={"unit": "m/step"},
    )
    note: str | None = None


def spec(**values):
    return Layer("spec", values, "model.toml")


def typed(**values):
    return Layer("command line", values, "--param")


def test_each_value_knows_its_origin_and_the_later_layer_wins():
    resolved = resolve(Declared, [spec(steps=3, taxa=1.5), typed(rate=2.5)])

    assert {"steps": 3, "rate": 2.5, "note": None} == resolved.values
    assert {"steps": "spec", "rate": "command line", "note": "default"} == resolved.origin


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([typed(setps=3)], "--param: the model has no parameter 'setps'"),
        ([spec(raet=3)], "model.toml: the model has no parameter 'raet'"),
        ([typed(rate=1, taxa=2)], "are one parameter"),
        ([typed(steps=0)], "steps = 0 (command line)"),
        ([typed(steps="ten")], "valid integer"),
        ([typed(steps=1.5)], "steps = 1.5"),
        ([typed(rate=float("nan"))], "finite"),
        ([spec(taxa=9)], "rate = 9 (spec)"),
    ],
)
def test_what_is_wrong_names_the_parameter_its_value_and_its_origin(layers, said):
    with pytest.raises(UsageError) as caught:
        resolve(Declared, layers)

    assert said in str(caught.value)


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(UsageError) as caught:
        resolve(Declared, [typed(stepz=3)])

    assert caught.value.hint == "Did you mean 'steps'?"


def test_both_names_with_one_value_are_fine():
    assert resolve(Declared, [typed(rate=1.5, taxa=1.5)]).values["rate"] == 1.5


def test_without_a_declaration_values_pass_with_a_warning():
    resolved = resolve(None, [spec(a=1, b=2), typed(b=3)])

    assert {"a": 1, "b": 3} == resolved.values
    assert {"a": "spec", "b": "command line"} == resolved.origin
    assert resolved.warnings == ("The model declares no parameters; unchecked: a, b.",)
    assert resolve(None, []).warnings == ()


def test_the_table_says_type_unit_bounds_default_value_and_origin():
    rows = {row.name: row for row in describe(Declared, resolve(Declared, [typed(taxa=2)]))}

    rate = rows["rate"]
    assert ("number", "m/step", "≥ 0, < 9, finite", "0.5", 2.0, "command line", ("taxa",)) == (
        rate.type,
        rate.unit,
        rate.bounds,
        rate.default,
        rate.value,
        rate.origin,
        rate.aliases,
    )
    assert ("integer", "How many.") == (rows["steps"].type, rows["steps"].description)
    assert ("text or none", "none") == (rows["note"].type, rows["note"].default)
