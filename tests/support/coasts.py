"""States of a coastal model."""

from dissmodel.models.coastal.state import CoastalState


def copy(state):
    return CoastalState(
        state.uso.copy(), state.solo.copy(), state.alt.copy(), step=state.step, order=state.order
    )


def bits(state):
    return state.uso.tobytes(), state.solo.tobytes(), state.alt.tobytes()
