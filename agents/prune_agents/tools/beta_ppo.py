"""PPO with one Beta draw an arm, by hand: actor and critic are small perceptrons.

Data-Agent's form of it, as its code has it: the steps of an episode are batches, the j-th arm of
a batch is followed by the j-th of the next, advantages are divided by their deviation, their mean
stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, expit

from prune_env.core import perceptrons

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

GAMMA, TRACE = 0.99, 0.95
CLIP, PASSES = 0.2, 4
RATE, WEIGHT_DECAY, BETA_1, BETA_2, EPSILON = 3e-4, 5e-4, 0.9, 0.999, 1e-5
"""Of Adam, whose weight decay is part of the gradient."""
LAYERS = (128, 128)
"""Hidden units of actor and critic."""


@dataclass(frozen=True)
class Step:
    """One batch of B arms: what was seen, drawn and earned."""

    inputs: Floats
    """(B, D)"""
    action: Doubles
    """(B,) in (0, 1)"""
    log_chance: Doubles
    """(B,) of the action when it was drawn"""
    value: Doubles
    """(B,) what the critic expected"""
    reward: Doubles
    """(B,)"""


def sizes_of(inputs: int, outputs: int) -> perceptrons.Sizes:
    """Units of each layer; the actor has 2 outputs, the critic 1."""
    return (inputs, *LAYERS, outputs)


def parameters(theta: Floats, inputs: Floats) -> tuple[Doubles, Doubles, list[Floats]]:
    """Both parameters of each arm's Beta distribution, above 1, and the units of the actor.

    Args:
        theta: (1, P) the actor.
        inputs: (B, D).
    """
    units = perceptrons.forward(theta, sizes_of(inputs.shape[1], 2), inputs[None])
    both = 1 + np.logaddexp(0, units[-1][0].astype(np.float64))
    return both[:, 0], both[:, 1], units


def values(theta: Floats, inputs: Floats) -> tuple[Doubles, list[Floats]]:
    """(B,) what the critic expects, and its units; theta: (1, P)."""
    units = perceptrons.forward(theta, sizes_of(inputs.shape[1], 1), inputs[None])
    return units[-1][0, :, 0].astype(np.float64), units


def log_density(a: Doubles, b: Doubles, action: Doubles) -> Doubles:
    """Of a Beta distribution: (a - 1) ln x + (b - 1) ln(1 - x) - ln B(a, b)."""
    return (a - 1) * np.log(action) + (b - 1) * np.log1p(-action) - betaln(a, b)


def advantages(steps: list[Step]) -> list[Doubles]:
    """Generalised advantages, (B,) a step; what follows the last step is worth 0.

    Where the next batch is of another size, its mean value is the next value, and the trace ends.
    """
    found: list[Doubles] = []
    trace, after = np.zeros(0), np.zeros(0)
    for step in reversed(steps):
        same = len(after) == len(step.value)
        next_value = after if same else np.full(len(step.value), after.mean() if len(after) else 0)
        carried = trace if same else 0.0
        trace = step.reward + GAMMA * next_value - step.value + GAMMA * TRACE * carried
        after = step.value
        found.append(trace)
    return found[::-1]


def improve(actor: Floats, critic: Floats, moments: Floats, steps: list[Step]) -> None:
    """Four passes of the clipped objective over all steps at once, in place.

    Args:
        actor: (1, P).
        critic: (1, Q).
        moments: (2, P + Q + 1) Adam's averages of the gradients and of their squares; the last
            column counts its steps.
        steps: in the order in which they were made.
    """
    inputs = np.concatenate([step.inputs for step in steps])
    action = np.concatenate([step.action for step in steps])
    old = np.concatenate([step.log_chance for step in steps])
    advantage = np.concatenate(advantages(steps))
    target = advantage + np.concatenate([step.value for step in steps])
    advantage = advantage / (advantage.std() + 1e-8)
    for _ in range(PASSES):
        by_actor = actor_gradient(actor, inputs, action, old, advantage)
        expected, units = values(critic, inputs)
        by_value = (2 * (expected - target) / len(target)).astype(np.float32)[None, :, None]
        by_critic = perceptrons.backward(critic, sizes_of(inputs.shape[1], 1), units, by_value)
        moments[:, -1] += 1
        split = actor.shape[1]
        _adam(actor, by_actor, moments[:, :split], moments[0, -1])
        _adam(critic, by_critic, moments[:, split:-1], moments[0, -1])


def actor_gradient(
    actor: Floats, inputs: Floats, action: Doubles, old: Doubles, advantage: Doubles
) -> Floats:
    """(1, P) of -mean(min(r A, clip(r, 1 - 0.2, 1 + 0.2) A)), r = chance now / chance then."""
    a, b, units = parameters(actor, inputs)
    ratio = np.exp(log_density(a, b, action) - old)
    unclipped = ratio * advantage <= ratio.clip(1 - CLIP, 1 + CLIP) * advantage
    by_log = -np.where(unclipped, ratio * advantage, 0) / len(action)
    of_sum = digamma(a + b)
    by_both = np.stack(
        [np.log(action) - digamma(a) + of_sum, np.log1p(-action) - digamma(b) + of_sum], axis=1
    )
    by_output = by_log[:, None] * by_both * expit(units[-1][0])
    sizes = sizes_of(inputs.shape[1], 2)
    return perceptrons.backward(actor, sizes, units, by_output.astype(np.float32)[None])


def _adam(theta: Floats, gradient: Floats, moments: Floats, step: np.float32) -> None:
    gradient = gradient + WEIGHT_DECAY * theta
    moments[0] += (1 - BETA_1) * (gradient[0] - moments[0])
    moments[1] += (1 - BETA_2) * (gradient[0] ** 2 - moments[1])
    mean = moments[0] / (1 - BETA_1**step)
    deviation = np.sqrt(moments[1] / (1 - BETA_2**step))
    theta -= RATE * mean / (deviation + EPSILON)
