from dissmodel.record import Code, ExperimentRecord
from dissmodel.record.diff import CodeDifference, Difference
from dissmodel.reproducing.run_context import differences, other_code


def test_what_is_other_code_is_told_by_its_kind_not_its_name():
    named_so = Difference("model rainfall", "1", "2", matters=True)
    code = CodeDifference("kernel source", "1", "2", matters=True)
    harmless = CodeDifference("model repository", "1", "2", matters=False)

    assert (code,) == other_code([named_so, code, harmless])


def test_the_code_of_the_model_of_dissmodel_and_the_name_of_the_model_are_code():
    old = ExperimentRecord(model_name="a", code=Code(package="a", version="1"), code_version="0.6")
    new = ExperimentRecord(
        model_name="b", code=Code(package="a", version="2"), code_version="0.7", thread_limit=2
    )

    found = differences(old, new)

    assert {"model version", "dissmodel version", "model name"} == {one.what for one in other_code(found)}
    assert "thread limit" in {one.what for one in found}
