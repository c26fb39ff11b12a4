"""learned: its terms and contexts by hand, where its weights come from, and the shipped ones."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies import learned
from prune_agents.policies.learned import CONTEXTS, ROWS, Learned

from prune_env.files import write_json

LOG_10 = np.log(10)


def weights(**given):
    """All 0 but those given: of `always`, or of the first contexts."""
    table = np.zeros((len(ROWS), len(CONTEXTS)))
    for term, weight in given.items():
        of = weight if isinstance(weight, tuple) else (weight,)
        table[ROWS.index(term), : len(of)] = of
    return tuple(table.ravel())


@pytest.fixture
def after(observe):
    """The state and observation of an agent after rounds of (losses, seen), (5,) each."""

    def run(agent, *rounds, progress=0.5):
        age = pulls = np.zeros((1, 5))
        show = {"age": age, "pulls": pulls, "progress": [[0.0]], "seen": np.zeros((1, 5))}
        observation = observe(loss=np.full((1, 5), LOG_10), **show)
        _, state = agent.predict(observation)
        for losses, seen in rounds:
            age = np.where(np.array(seen) == 1, 0, age + 1)
            show = {"age": age, "pulls": pulls, "progress": [[progress]], "seen": [seen]}
            observation = observe(loss=[losses], **show)
            state, _ = agent._learned(observation, state)
        return state, observation

    return run


ROUNDS = (
    ([0.4, 0.2, 2.3, 2.3, 2.3], [1, 1, 0, 0, 0]),
    ([0.4, 0.6, 0.1, 0.3, 2.3], [0, 1, 1, 1, 0]),
)


def test_terms_by_hand(after):
    agent = Learned(weights=weights(), keep_ratio=0.5)
    terms = agent.terms(*after(agent, *ROUNDS))
    np.testing.assert_array_equal(terms["unseen"], [[0, 0, 0, 0, 1]])
    # last losses .4, .6, .1, .3 are the third, the fourth, the first and the second of four
    np.testing.assert_allclose(terms["loss"], [[0.25, 0.75, -0.75, -0.25, 0]])
    np.testing.assert_allclose(terms["middle"], [[0.5, -0.5, -0.5, 0.5, 0]])
    # of the first round .4 is above .2; of the second .6, .1 and .3 are a round of three
    np.testing.assert_allclose(terms["standing"], [[0.5, 2 / 3, -2 / 3, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(terms["age"], [[-0.5, -1, -1, -1, 0]])
    np.testing.assert_allclose(terms["fall"], [[0, -0.5, 0, 0, 0]], rtol=1e-6)  # from .2 to .6


def test_contexts_by_hand(after):
    agent = Learned(weights=weights())
    state, observation = after(agent, *ROUNDS, progress=0.75)
    mean = (0.4 + 0.6 + 0.1 + 0.3) / 4
    # of the second round only the arm of loss .2 was seen before, and it stood low
    expected = [[1, 0.5, -np.log(mean / LOG_10) - 1, 0]]
    np.testing.assert_allclose(agent.contexts(state, observation), expected, rtol=1e-6)


def test_before_anything_is_seen_nothing_is_learned(after):
    agent = Learned(weights=weights())
    np.testing.assert_array_equal(agent.contexts(*after(agent, progress=0)), [[1, -1, -1, 0]])


EASIER = (
    ([2.0, 0.2, 0.3, 1.0, 2.3], [1, 1, 1, 1, 0]),
    ([1.5, 0.1, 0.3, 0.5, 2.3], [1, 1, 0, 1, 1]),
)


@pytest.mark.parametrize(
    ("third", "expected"),
    [
        # standing .75 and .25: of the first round only the arm of loss 2 counts
        ((), 1 - 2 * 1.5 / 2.0),
        # of the second only the arm of loss 2.3 stood high
        ((([0.5, 0.1, 0.3, 0.5, 0.3], [1, 0, 0, 0, 1]),), 1 - 2 * 0.3 / 2.3),
        # losses that grow count as what has not changed
        ((([9.0, 0.1, 0.3, 0.5, 9.0], [1, 0, 0, 0, 1]),), -1),
        # a round without a hard arm says nothing
        ((([1.5, 0.1, 0.1, 0.5, 2.3], [0, 0, 1, 0, 0]),), 1 - 2 * 1.5 / 2.0),
    ],
)
def test_easier_is_what_hard_arms_have_lost(after, third, expected):
    agent = Learned(weights=weights())
    contexts = agent.contexts(*after(agent, *EASIER, *third))
    assert contexts[0, CONTEXTS.index("easier")] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("given", "progress", "expected"),
    [
        ({"unseen": 2, "loss": 1}, 0.5, [0, 1, 0, 0, 1]),
        ({"loss": 1}, 0.5, [1, 1, 0, 0, 0]),
        ({"loss": -1}, 0.5, [0, 0, 1, 1, 0]),
        ({"loss": (0, 1, 0)}, 0.0, [0, 0, 1, 1, 0]),  # the lowest early,
        ({"loss": (0, 1, 0)}, 1.0, [1, 1, 0, 0, 0]),  # the highest late
        ({"age": 1, "loss": 0.1}, 0.5, [1, 0, 0, 0, 1]),
    ],
)
def test_the_weights_decide(after, given, progress, expected):
    agent = Learned(weights=weights(**given), keep_ratio=0.4)
    state, observation = after(agent, *ROUNDS, progress=progress)
    scores = agent.scores(state, observation, np.random.default_rng(0))
    chosen = np.argsort(-scores[0], kind="stable")[:2]
    assert sorted(chosen) == np.flatnonzero(expected).tolist()


def test_noise_draws_arms_by_their_odds(after):
    """With weight 1 the K highest of x + noise are draws with odds exp(x)."""
    agent = Learned(weights=weights(unseen=np.log(3), noise=-1))
    state, observation = after(agent, ([1.0] * 5, [1, 0, 0, 0, 0]))
    rng = np.random.default_rng(0)
    first = [agent.scores(state, observation, rng)[0].argmax() for _ in range(2_000)]
    assert np.mean(np.equal(first, 0)) == pytest.approx(1 / 13, abs=0.02)


@pytest.mark.parametrize(
    ("growth", "options", "expected"),
    [
        (0.0, {}, [30] * 8),
        (0.5, {}, [17, 23, 24, 27, 30, 35, 39, 45]),
        (-0.5, {}, [47, 37, 35, 30, 27, 24, 21, 19]),
        (-0.5, {"period": 3}, [30, 30, 30, 37, 37, 37, 20, 20]),
        (-0.5, {"full_rounds": 2}, [100, 100, 44, 37, 31, 27, 22, 19]),
        (-0.5, {"full_rounds": 1, "period": 4}, [100, *[36] * 4, *[22] * 3]),
    ],
)
def test_counts_grow_and_their_sum_is_kept(tiny_env, growth, options, expected):
    """Full rounds are paid beside it; a selection that is repeated counts as often as it is."""
    agent = Learned(weights=weights(loss=1, count=(7, growth, 7)), keep_ratio=0.3, **options)
    env = tiny_env(agent, 100, rounds=8)
    observation, _ = env.reset(seed=0)
    state, over = None, False
    while not over:
        action, state = agent.predict(observation, state)
        observation, _, over, _, _ = env.step(action)
    assert agent.keeps_k == (growth == 0)
    assert env.kept == expected
    full = options.get("full_rounds", 0)
    assert sum(env.kept) == pytest.approx(full * 100 + (8 - full) * 30, abs=1)


def test_weights_of_a_folder(tmp_path):
    given = weights(unseen=2, loss=(1, 0.5, 0), noise=0.1)
    write_json(tmp_path / learned.FILE, {"weights": learned.named(np.array(given))})
    agent = prune_agents.make("learned", weights=f"{tmp_path}/")
    np.testing.assert_array_equal(agent.matrix.ravel(), given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("digit-1", "unknown folder of the zoo 'digit-1'"),
        (
            (1.0, 2.0),
            "weights are 2 numbers; allowed are 32 of a size up to 100: for each of unseen",
        ),
        ((np.nan,) * 32, "allowed are 32 of a size up to 100"),
        ((400.0,) * 32, "allowed are 32 of a size up to 100"),
        (3, "weights is 3; expected str or a list of float"),
    ],
)
def test_bad_weights_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        Learned(weights=given)


def test_a_file_of_something_else_is_named(tmp_path):
    write_json(tmp_path / learned.FILE, {"weights": {"unseen": 1}})
    with pytest.raises(ValueError, match=r"weights.json holds no weights of `learned`"):
        Learned(weights=f"{tmp_path}/")


@pytest.mark.parametrize("value", [None, float("nan"), float("-inf"), -400.0])
def test_a_weight_that_is_no_number_is_refused_with_its_file(tmp_path, value):
    table = learned.named(learned.read_weights("digits-1"))
    table["count"]["late"] = value
    write_json(tmp_path / learned.FILE, {"weights": table})
    with pytest.raises(ValueError, match=r"weights.json has weights that are no numbers of a size"):
        Learned(weights=f"{tmp_path}/")


def test_equal_losses_have_equal_ranks():
    """Counted are 0, 0, 7 and 0, of which the equal ones have the mean of the ranks 0, 1 and 2."""
    loss, counted = np.array([[0, 0, 9, 7, 0.0]]), np.array([[1, 1, 0, 1, 1]], bool)
    assert learned.ranks(loss, counted).tolist() == [[-0.25, -0.25, 0, 0.75, -0.25]]
