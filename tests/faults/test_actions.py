"""Every way in which an action is decoded: arms are chosen, or a ValueError leaves all as it was.

Whatever an agent gives, a list, a scalar, NaN, a text, an array of any type and shape.
"""

from __future__ import annotations

import functools

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from same_bits import same
from tally import count

import prune_env  # noqa: F401
from prune_env.core.selection import decode

pytestmark = pytest.mark.faults

NUM_ARMS = 12
KINDS = {"num_arms": NUM_ARMS, "epochs": 3}
WRAPPERS = {
    "LinearScores": {"LinearScores": {}},
    "LossBins": {"LossBins": {"bins": 3}},
    "Rules": {"Rules": {}},
    "ArmScores": {"ArmScores": {}},
    "Rules with a ratio": {"Rules": {}, "KeepRatio": {}},
    "LinearScores with a ratio": {"LinearScores": {}, "KeepRatio": {}},
}
ENVIRONMENTS = {
    "keep": {},
    "weights": {"action": "weights"},
    **{name: {"env_wrapper": wrappers} for name, wrappers in WRAPPERS.items()},
}

NUMBERS = st.one_of(
    st.sampled_from((0, 1, -1, 0.5, 7, 1e300, -1e300, np.nan, np.inf, -np.inf, 2**70)),
    st.floats(-2, 2, width=32),
)
DTYPES = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(),
    arrays.floating_dtypes(),
    arrays.complex_number_dtypes(),
    arrays.unicode_string_dtypes(),
    arrays.datetime64_dtypes(),
)
SHAPES = st.one_of(
    st.sampled_from(((NUM_ARMS,), (1, NUM_ARMS), (), (1,), (3,), (4,), (0,))),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
ACTIONS = st.one_of(
    DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, SHAPES)),
    st.lists(NUMBERS, max_size=NUM_ARMS),
    st.lists(NUMBERS, min_size=NUM_ARMS, max_size=NUM_ARMS),
    arrays.arrays(np.int8, (NUM_ARMS,), elements=st.integers(0, 1)),
    NUMBERS,
    st.sampled_from((None, "keep", b"\x01" * NUM_ARMS, {}, {"a": 1}, [[0], [0, 1]], [None] * 3)),
)


@functools.cache
def environment(name):
    options = dict(ENVIRONMENTS[name])
    wrappers = options.pop("env_wrapper", None)
    if wrappers is None:
        return gym.make("prune_env/Synthetic-v0", **KINDS, **options)
    chooser, *ratio = wrappers
    listed = [{chooser: wrappers[chooser]}, *({r: {}} for r in ratio), {"SummaryObservation": {}}]
    return gym.make("prune_env/Synthetic-Scores-v0", **KINDS, env_wrapper=listed)


def arms_kept(env):
    return env.unwrapped.rounds.arms.pulls.copy()


@pytest.mark.parametrize("name", ENVIRONMENTS)
@given(action=ACTIONS)
def test_an_action_is_taken_or_refused_and_changes_nothing(name, action):
    env = environment(name)
    env.reset(seed=0)
    before = env.unwrapped.state_dict()
    told = np.array(arms_kept(env))
    count("odd actions")
    try:
        with np.errstate(all="raise", under="ignore"):
            observation, reward, *_, info = env.step(action)
    except ValueError as error:
        said = str(error)
        assert "the action" in said
        assert len(said) < 1_000
        after = env.unwrapped.state_dict()
        for state in (before, after):
            del state["rounds"]["clock"]  # the time that it took to refuse it has passed
        assert same(after, before)
        return
    kept = (arms_kept(env) - told)[0]
    assert set(kept) <= {0, 1}
    assert 1 <= kept.sum() == info["kept"] <= NUM_ARMS
    assert type(reward) is float
    assert np.isfinite(reward)
    flat = observation.values() if isinstance(observation, dict) else [observation]
    assert all(np.isfinite(part).all() for part in flat)
    if name in ("keep", "weights"):
        assert np.array_equal(kept, np.asarray(action).astype(np.float32).reshape(-1) != 0)


@given(st.sampled_from(("keep", "weights")), st.integers(1, 3), ACTIONS, st.floats(0.1, 1e30))
def test_decode_agrees_with_a_plain_loop(kind, num_runs, action, most):
    """Of M runs: the flat positions of what is not 0, and how many of them each run has."""
    count("odd actions")
    try:
        with np.errstate(all="raise", under="ignore"):
            found = decode(action, kind, num_runs, NUM_ARMS // num_runs, most)
    except ValueError:
        return
    table = np.asarray(action).astype(np.float32)
    indices = [
        run * (NUM_ARMS // num_runs) + arm
        for run, row in enumerate(table)
        for arm, value in enumerate(row)
        if value != 0
    ]
    assert found.indices.tolist() == indices
    assert found.counts.tolist() == [int((row != 0).sum()) for row in table]
    assert found.counts.min() >= 1
    if kind == "weights":
        assert found.weights.tolist() == table.reshape(-1)[indices].tolist()
        assert 0 < found.weights.min() <= found.weights.max() <= np.float32(most) * (1 + 1e-6)
    else:
        assert found.weights is None
        assert set(table.reshape(-1)) <= {0.0, 1.0}
