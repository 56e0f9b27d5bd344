"""No text of a model keeps its job from ending."""


def test_half_of_a_character(house):
    job = house.submit(parameters={"do": "surrogate"})

    assert 0 == house.drain(), house.shown()
    outcome = house.truth.outcome(job)
    assert ("failed", "run_failed") == (outcome.status, outcome.error.code)
    assert "half of a character: ?" in outcome.error.message
    assert any("half of a character: ?" in line for line in outcome.log)
    assert 1 == outcome.attempts
