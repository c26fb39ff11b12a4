"""Dynamic policies against plain restatements of their published rules, on heavy tails.

A policy plays ten rounds against an environment of a table: the signals of arm i in round t are
TABLE[t][i], whatever was kept. The restatement follows with dictionaries, one arm at a time. It
says what must have been kept, or what may have been where the rule draws.
"""

import math
from itertools import pairwise
from statistics import fmean

import numpy as np
import prune_agents
import pytest
from prune_agents.prior import Traces

ROUNDS, ARMS = 10, 50
RNG = np.random.default_rng(11)
LOSS = np.minimum(RNG.pareto(0.8, (ROUNDS, ARMS)) * RNG.lognormal(-1, 1, ARMS), 100)
TABLE = {
    "loss": LOSS.astype(np.float32),
    "reference_loss": (LOSS * RNG.lognormal(0, 1.5, (ROUNDS, ARMS))).astype(np.float32),
    "confidence": np.exp(-LOSS).astype(np.float32),
    "correct": (np.exp(-LOSS) > 0.45).astype(np.float32),
    "error_norm": np.minimum(RNG.lognormal(-2, 1.7, (ROUNDS, ARMS)), 1.414).astype(np.float32),
}
GUESS = {"loss": math.log(10), "reference_loss": math.log(10), "confidence": 0.1, "correct": 0}
GUESS["error_norm"] = math.sqrt(0.9)


def play(agent, observe, full=False, state=None):
    """For each round: its action, and the latest signals and who was seen when it was chosen."""
    now = {name: np.full(ARMS, GUESS[name], np.float32) for name in TABLE}
    seen, story = np.zeros(ARMS), []
    for round_ in range(ROUNDS):
        latest = {name: values.copy() for name, values in now.items()}
        observation = observe(**latest, seen=seen, progress=[round_ / ROUNDS])
        action, state = agent.predict(observation, state)
        story.append((action, latest, seen))
        seen = np.ones(ARMS) if full else (action > 0).astype(float)
        for name, values in now.items():
            values[seen == 1] = TABLE[name][round_][seen == 1]
    return story


def make(name, keep_ratio=0.3, **options):
    return prune_agents.make(name, keep_ratio=keep_ratio, **options)


def chosen(action):
    return set(np.flatnonzero(action).tolist())


def top(score, k, among=None):
    """The k arms of the highest score, all of which differ."""
    among = score if among is None else among
    return set(sorted(among, key=lambda arm: -score[arm])[:k])


def follow(story, update):
    """(action, scores of the arms seen so far) a round; update(old, latest signals of the arm)."""
    score = {}
    for action, latest, seen in story:
        for arm in np.flatnonzero(seen).tolist():
            own = {name: float(values[arm]) for name, values in latest.items()}
            score[arm] = update(score.get(arm), own)
        yield action, dict(score)


# -- the seed paper, as in the ports: the newest loss weighs alpha --------------------------------


def ema(old, own):
    return own["loss"] if old is None else 0.2 * old + 0.8 * own["loss"]


def oldest_ema(old, own):
    return own["loss"] if old is None else 0.8 * old + 0.2 * own["loss"]


def moments(old, own):
    """Mean and variance; the variance about the mean from before."""
    if old is None:
        return own["loss"], 0.0
    mean, variance = old
    return 0.2 * mean + 0.8 * own["loss"], 0.2 * variance + 0.8 * (own["loss"] - mean) ** 2


def test_uncertainty(observe):
    story = play(make("uncertainty"), observe)
    others = [score for _, score in follow(story, oldest_ema)]
    differs = 0
    for (action, score), other in zip(follow(story, ema), others, strict=True):
        if len(score) < ARMS:
            assert len(chosen(action) - set(score)) == min(15, ARMS - len(score))
        else:
            assert chosen(action) == top(score, 15)
            differs += chosen(action) != top(other, 15)
    assert differs >= 4


@pytest.mark.parametrize(("name", "bonus"), [("ucb", lambda v: v), ("ucb_std", math.sqrt)])
def test_ucb(observe, name, bonus):
    complete = 0
    for action, found in follow(play(make(name), observe), moments):
        score = {arm: mean + bonus(variance) for arm, (mean, variance) in found.items()}
        if len(score) == ARMS:
            complete += 1
            assert chosen(action) == top(score, 15)
    assert complete >= 5


def test_epsilon_greedy(observe):
    """floor(0.1 * 15) = 1 arm is random; from the whole on, 14 are the greedy ones."""
    complete = 0
    for action, score in follow(play(make("epsilon_greedy"), observe), ema):
        if len(score) == ARMS:
            complete += 1
            assert len(chosen(action)) == 15
            assert top(score, 14) < chosen(action)
    assert complete >= 4


# -- by the latest loss ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["infobatch", "bls"])
def test_infobatch_and_bls(observe, name):
    """Easy is below the mean, which on heavy tails is most: half of them, at double weight.

    Of bls each arm is a batch of its own: s <- 0.9 s + 0.1 loss from 0, over 1 - 0.9^n. The last
    two rounds are whole: 9 > 8.75.
    """
    agent = make(name, **({"batch_size": 1} if name == "bls" else {}))
    score, counts = dict.fromkeys(range(ARMS), math.log(10)), [0] * ARMS
    average = [0.0] * ARMS
    for round_, (action, latest, seen) in enumerate(play(agent, observe)):
        for arm in np.flatnonzero(seen).tolist():
            own = float(latest["loss"][arm])
            counts[arm] += 1
            average[arm] = 0.9 * average[arm] + 0.1 * own
            score[arm] = average[arm] / (1 - 0.9 ** counts[arm]) if name == "bls" else own
        mean = fmean(score.values())
        easy = {arm for arm in score if score[arm] < mean * (1 - 1e-6)}
        if round_ + 1 > 0.875 * ROUNDS or round_ == 0:
            assert (action == 1).all()
            continue
        survivors = chosen(action == 2)
        assert survivors < easy
        assert len(survivors) == len(easy) // 2
        assert chosen(action == 1) == set(range(ARMS)) - easy
        assert len(easy) > 0.6 * ARMS  # more than half: it is no median, and not the hard ones


def best_partition(values, groups):
    """The least squares in so many intervals of sorted values, as sizes: all pairs of ends."""

    def squares(part):
        return sum((v - fmean(part)) ** 2 for v in part)

    best = {(0, 0): (0.0, [])}
    for g in range(1, groups + 1):
        for end in range(g, len(values) + 1):
            found = [
                (best[g - 1, begin][0] + squares(values[begin:end]), begin)
                for begin in range(g - 1, end)
                if (g - 1, begin) in best
            ]
            cost, begin = min(found)
            best[g, end] = cost, [*best[g - 1, begin][1], end - begin]
    return best[groups, len(values)][1]


def test_seta(observe):
    """No arm is left out of the pool, so the windows show: 4 of 5 groups, from easy to hard."""
    agent = make("seta", rho=0.0)
    for round_, (action, latest, _) in enumerate(play(agent, observe)):
        if round_ == 0 or round_ + 1 > 0.875 * ROUNDS:
            assert (action == 1).all()
            continue
        order = sorted(range(ARMS), key=lambda arm: float(latest["loss"][arm]))
        sizes = best_partition([float(latest["loss"][arm]) for arm in order], 5)
        hardest, easiest = set(order[-sizes[-1] :]), set(order[: sizes[0]])
        left_out = easiest if round_ % 2 else hardest
        assert chosen(action) == set(range(ARMS)) - left_out
        assert sizes[0] > 2 * sizes[-1]  # the tail is thin: equal groups would not do


def test_orderdp_where_the_pool_is_everything(observe):
    agent, compared = make("orderdp", top_share=0.3), 0
    for action, score in follow(play(agent, observe), lambda old, own: own["loss"]):
        if len(score) == ARMS:
            compared += 1
            assert chosen(action) == top(score, 15)
    assert compared >= 5


def test_rho_loss_where_the_pool_is_everything(observe):
    """Above the loss under the network that has not kept the arm, in its last round."""
    agent, compared = make("rho_loss", top_share=0.3), 0
    half = RNG.random(ARMS) < 0.5
    prior = np.minimum(RNG.pareto(0.8, (2, 3, ARMS)), 100).astype(np.float32)
    none = np.zeros(ARMS, np.int64)
    traces = Traces({"loss": prior}, 0, 0.0, 0.0, none, trained=np.stack([half, ~half]))
    story = play(agent, observe, state=agent.begin(traces))
    for action, loss in follow(story, lambda _, own: own["loss"]):
        if len(loss) == ARMS:
            compared += 1
            excess = {arm: loss[arm] - float(prior[int(half[arm]), 2, arm]) for arm in loss}
            assert chosen(action) == top(excess, 15)
    assert compared >= 5


def test_molpeg(observe):
    agent, compared = make("molpeg"), 0
    gap = follow(play(agent, observe), lambda _, own: abs(own["loss"] - own["reference_loss"]))
    for action, score in gap:
        if len(score) == ARMS:
            compared += 1
            assert chosen(action) == top(score, 15)
    assert compared >= 5


def test_selective_backprop_keeps_hard_arms_with_the_power_of_their_rank(observe):
    """Keep 0.2: beta = 4, so the chance of rank r of 8, easiest 1, is (r / 8)^4."""
    loss = LOSS[0, :8]
    tiled = np.tile(loss, (4000, 1))
    action, _ = make("selective_backprop", keep_ratio=0.2).predict(observe(loss=tiled))
    rank = [sum(other <= own for other in loss) for own in loss]
    np.testing.assert_allclose(action.mean(axis=0), [(r / 8) ** 4 for r in rank], atol=0.03)


# -- by other signals -----------------------------------------------------------------------------


def test_is_epoch_draws_and_weighs_by_the_error_norm(observe):
    """Chances min(1, lambda g) that sum to K, lambda by halving; weights K / (N chance)."""
    norm = [float(x) for x in TABLE["error_norm"][3]]
    g = [0.8 * x / fmean(norm) + 0.2 for x in norm]
    low, high = 0.0, 1e3
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(min(1, middle * x) for x in g) < 15 else (low, middle)
    chance = np.array([min(1, low * x) for x in g])
    assert (chance == 1).sum() >= 3
    weights, _ = make("is_epoch").predict(observe(error_norm=np.tile(norm, (4000, 1))))
    np.testing.assert_allclose((weights > 0).mean(axis=0), chance, atol=0.03)
    for arm in range(ARMS):
        own = weights[weights[:, arm] > 0, arm]
        np.testing.assert_allclose(own, 15 / (ARMS * chance[arm]), rtol=1e-4)


def test_kakurenbo(observe):
    """With full feedback, keep 0.4: F = 0.6, 0.48, 0.36, 0.24 from rounds 0, 3, 6 and 8 of 10."""
    hidden = []
    for round_, (action, latest, _) in enumerate(play(make("kakurenbo", 0.4), observe, full=True)):
        share = 0.6 * (1.0, 0.8, 0.6, 0.4)[sum(round_ >= at for at in (3, 6, 8))]
        own = [{name: float(values[arm]) for name, values in latest.items()} for arm in range(ARMS)]
        lowest = sorted(range(ARMS), key=lambda arm: own[arm]["loss"])[: int(share * ARMS + 1e-9)]
        hide = {a for a in lowest if own[a]["correct"] == 1 and own[a]["confidence"] >= 0.7}
        assert set(range(ARMS)) - chosen(action) == hide
        weight = 1 / (1 - share) if round_ else 1
        np.testing.assert_allclose(action[action > 0], weight, rtol=1e-6)
        hidden.append((len(hide), len(lowest)))
    assert any(0 < few < most for few, most in hidden)


def test_nlu_diet(observe):
    """The first tenth of the run is whole, then the highest error norms."""
    for round_, (action, latest, _) in enumerate(play(make("nlu_diet"), observe, full=True)):
        norm = {arm: float(latest["error_norm"][arm]) for arm in range(ARMS)}
        assert chosen(action) == (top(norm, 15) if round_ >= 1 else set(range(ARMS)))


def test_ies(observe):
    """The authors' way: a list of second differences an arm, at least 4, the mean of the last 3."""
    history = {arm: [] for arm in range(ARMS)}
    resting, returned, mirror = set(), 0, 0
    for action, latest, seen in play(make("ies", threshold=0.5), observe, full=True):
        for arm in np.flatnonzero(seen).tolist():
            history[arm].append(float(latest["loss"][arm]))
        before, resting = resting, set()
        other = set()
        for arm, losses in history.items():
            second = [
                c - 2 * b + a for a, b, c in zip(losses, losses[1:], losses[2:], strict=False)
            ]
            first = [b - a for a, b in pairwise(losses)]
            if len(second) >= 4 and fmean(abs(d) for d in second[-3:]) < 0.5:
                resting.add(arm)
            if len(second) >= 4 and fmean(abs(d) for d in first[-3:]) < 0.5:
                other.add(arm)
        assert set(range(ARMS)) - chosen(action) == resting
        returned += len(before - resting)
        mirror += len(other ^ resting)
    assert resting
    assert returned > 0
    assert mirror > 0


def test_repb_asks_for_room_for_its_weights_and_ies_looks_in_every_round():
    assert prune_agents.make("repb").env_options(8) == {}
    assert prune_agents.make("repb", max_weight=500).env_options(8)["weight_max"] > 500
    assert prune_agents.make("ies", period=4).env_options(8) == {"feedback": "full", "refresh": 1}
