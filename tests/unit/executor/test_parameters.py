"""Parameters know where they came from."""

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from dissmodel.errors import UsageError
from dissmodel.executor.parameters import ParameterLayer, check, describe, settled


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


def resolve(declared, layers):
    return settled(check(declared, layers))


def spec(**values):
    return ParameterLayer("spec", values, "model.toml")


def typed(**values):
    return ParameterLayer("command line", values, "--param")


def test_each_value_knows_its_origin_and_the_later_layer_wins():
    resolved = resolve(Declared, [spec(steps=3, taxa=1.5), typed(rate=2.5)])

    assert {"steps": 3, "rate": 2.5, "note": None} == resolved.values
    assert {"steps": "spec", "rate": "command line", "note": "default"} == resolved.origin


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([typed(setps=3)], "--param: the model has no parameter 'setps'"),
        ([spec(raet=3)], "model.toml: the model has no parameter 'raet'"),
        ([typed(rate=1, taxa=2)], "are the same parameter"),
        ([typed(steps=0)], "steps = 0 (command line)"),
        ([typed(steps="ten")], "valid integer"),
        ([typed(steps=1.5)], "steps = 1.5"),
        ([typed(rate=float("nan"))], "finite"),
        ([spec(taxa=9)], "taxa = 9 (spec)"),
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


def test_everything_that_is_wrong_is_found_at_once():
    checked = check(Declared, [spec(setps=1, note="spec"), typed(rate=1, taxa=2, steps=0, nota=3)])

    assert [
        "model.toml: the model has no parameter 'setps'.",
        "--param: rate = 1 and taxa = 2 are the same parameter.",
        "--param: the model has no parameter 'nota'.",
    ] == [problem.message for problem in checked.names]
    (wrong,) = checked.values
    assert wrong.message.startswith("steps = 0 (command line)")
    assert {"steps": 10, "rate": 1.0, "note": "spec"} == checked.resolved.values
    assert {"steps": "default", "rate": "command line", "note": "spec"} == checked.resolved.origin


def test_every_wrong_value_is_named_and_a_run_is_told_them_together():
    wrong = [typed(steps=0, rate=-1)]

    found = [problem.message.partition(":")[0] for problem in check(Declared, wrong).values]
    with pytest.raises(UsageError) as caught:
        resolve(Declared, wrong)

    assert ["steps = 0 (command line)", "rate = -1 (command line)"] == found
    assert all(one in str(caught.value) for one in found)


def test_nothing_can_be_made_of_a_model_that_lacks_what_it_needs():
    class Needs(BaseModel):
        depth: float

    checked = check(Needs, [typed(depht=1)])

    assert checked.resolved is None
    assert ["--param: the model has no parameter 'depht'.", "depth is missing"] == [
        problem.message.partition(":")[0] if "missing" in problem.message else problem.message
        for problem in checked.problems
    ]


def test_what_a_value_lacks_inside_is_said():
    class Years(BaseModel):
        years: tuple[int, int, int]

    found = check(Years, [typed(years=[2010])])

    assert found.resolved is None
    assert ["years = [2010] (command line): in '1': field required"] == [
        problem.message.partition(";")[0] for problem in found.values[:1]
    ]
