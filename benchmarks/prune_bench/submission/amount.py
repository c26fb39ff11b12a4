"""What a run has to keep and to pay, where its options say so and no measurement does.

Nothing is imported that does not come with this project.
"""

from __future__ import annotations

from typing import Any

import prune_agents
from prune_agents.agent import Agent
from prune_agents.policies.controls import Full
from prune_agents.prior import Prior

from prune_bench.run.result import Result
from prune_bench.run.sources import is_own
from prune_env.core.ledger import scrap
from prune_env.core.signals import EXTRAS, SIGNALS, TRAIN


def train_price(result: Result) -> int:
    """Passes for each arm of a round: those of training, and of what is measured beside it."""
    shown = result.content["env_options"].get("signals", ())
    return TRAIN + sum(SIGNALS[name].price for name in EXTRAS if name in shown)


def prior_passes(result: Result) -> int:
    """What the prior run costs that a result names.

    Raises:
        ValueError: it names none that there can be.
    """
    named = result.content.get("prior")
    try:
        return Prior(**named).passes(result.num_arms) if named else 0
    except TypeError as error:
        raise ValueError(str(error)) from error


def planned(result: Result) -> list[int] | None:
    """How many arms each round keeps, one round more than there were at most; None where only the
    run tells.

    An agent that keeps K has K in each round but its full ones, `full` and `full_short` have all.
    The last round of a budget has what is left.
    """
    agent, num_arms = _agent(result), result.num_arms
    if not isinstance(agent, Full) and not (isinstance(agent, Agent) and agent.keeps_k):
        return None
    k = num_arms if isinstance(agent, Full) else agent.k_of(num_arms)
    rounds = range(result.rounds + 1)
    counts = [num_arms if number < agent.full_rounds else k for number in rounds]
    if result.budget is None:
        return counts[: result.options["epochs"]]
    if result.pays_evaluation or result.content["passes"]["refresh"]:
        return None
    price = train_price(result)
    left = round(min(result.budget * TRAIN * num_arms, sum(counts) * price)) // price
    kept: list[int] = []
    while left > scrap(result.budget, num_arms) and len(kept) < len(counts):
        kept.append(min(counts[len(kept)], left))
        left -= kept[-1]
    return kept


def _agent(result: Result) -> Any:
    """The agent of a result, if it comes with this project and can be made here; else None."""
    options = result.options
    if is_own(options["agent"]):
        return None
    try:
        return prune_agents.make_for_run(
            options["agent"], keep_ratio=options["keep_ratio"], **options["agent_options"]
        )
    except (ValueError, OSError):
        return None
