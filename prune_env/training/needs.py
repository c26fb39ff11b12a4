"""Needs: what an agent asks of a training loop, and whether the loop gives it.

Nothing here knows an agent: wishes are read by their attributes, and what is missing is said in one
line before anything is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import names
from prune_env.core.rounds import Feedback, RoundOptions
from prune_env.core.selection import ActionKind
from prune_env.core.signals import EXTRAS, FREE, MEASURED, SIGNALS, VALIDATION
from prune_env.driving import check_signature
from prune_env.lookup import known
from prune_env.trained_model import TrainedModel, is_model

RECORDED = ("gradient_norm",)
"""What a loop records for a prior run beside `MEASURED` and features."""


class Everything:
    """The agent that keeps every arm."""

    known_as = "everything"
    signals = ()

    def predict(self, observation: Any, state: Any = None) -> tuple[NDArray[np.int8], None]:
        """Keep all."""
        return np.ones(observation["seen"].shape, np.int8), None


@dataclass(frozen=True)
class Given:
    """What a loop gives."""

    classes: bool
    """whether samples have classes, so that `loss(logits, labels, arms)` is called"""
    labels: bool
    """whether the class of every sample is known beforehand"""
    model: bool
    """whether the network is given"""
    reference: bool
    """whether an average of its weights is given"""
    num_validation: int
    """samples of the split that `validated` tells about; 0: it is not called"""
    full_feedback: bool
    """whether the arms that were not kept are looked at"""
    prior: bool
    """whether there are traces of a prior run"""


@dataclass(frozen=True)
class Wishes:
    """What an agent wants to be shown and given."""

    who: str
    """its name"""
    signals: tuple[str, ...]
    """entries of its observation"""
    action: ActionKind
    """which kind of answer it gives"""
    options: dict[str, Any]
    """how the run must be made; see `Agent.env_options` of prune_agents"""
    prior: Any
    """the prior run that it wants, or None"""

    @property
    def reads_validation(self) -> bool:
        """Whether it has to be told how well the network does on other data."""
        return bool(set(VALIDATION) & set(self.signals))


def as_agent(agent: Any) -> Any:
    """What a loop asks: an agent as it is, or a model or nothing as one.

    Args:
        agent: what has `predict`, a model of Stable-Baselines3 too; None keeps every arm.

    Raises:
        ValueError: it is a name or a class, or has no method `predict` of an observation and a
            state, or is a model that was trained on other spaces.
    """
    if agent is None:
        return Everything()
    if not callable(getattr(agent, "predict", None)):
        what = repr(agent) if isinstance(agent, str | type) else f"a {type(agent).__name__}"
        raise ValueError(
            f"agent is {what}; expected an object with predict(observation, state), such as "
            "prune_agents.make('ucb', keep_ratio=0.3)"
        )
    check_signature(agent)
    return TrainedModel(agent) if is_model(agent) else agent


def plain_options(agent: Any) -> dict[str, Any]:
    """What of an agent's options are plain values, or tuples of them."""
    named = fields(agent) if is_dataclass(agent) else ()
    values = {field.name: getattr(agent, field.name) for field in named}
    return {name: value for name, value in values.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    """Whether a state can have this value, as `torch.load(weights_only=True)` reads it."""
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return isinstance(value, int | float | str | bool | None)


def wishes_of(agent: Any, length: float, given: Given) -> Wishes:
    """What an agent wishes of a run of so many epochs; one without wishes sees what is free."""
    named = getattr(agent, "signals", None)
    if named is None:
        named = [name for name in FREE if not lacking(name, given)]
    who = getattr(agent, "known_as", type(agent).__name__)
    for name in (named := names(f"the signals of {who}", named)):
        known("signal", name, SIGNALS)
    options, prior = getattr(agent, "env_options", None), getattr(agent, "prior", None)
    return Wishes(
        who=who,
        signals=tuple(dict.fromkeys(("seen", *named))),
        action=getattr(agent, "action", "keep"),
        options=dict(options(length)) if callable(options) else {},
        prior=prior(max(1, round(length))) if callable(prior) else None,
    )


def lacking(signal: str, given: Given) -> str | None:
    """What a loop would have to give for a signal; None where it has it."""
    if signal in MEASURED and signal != "loss" and not given.classes:
        return "takes logits and classes; pass labels= or num_classes=, and call pruned.loss"
    if signal == "label" and not given.labels:
        return "is of no data set without classes; pass labels=, the class of every sample"
    if signal in EXTRAS and not given.model:
        return "is read from the network; pass model="
    if signal == "reference_loss" and not (given.reference and given.classes):
        return "takes classes, and an average of the weights; pass reference="
    if signal in VALIDATION and not given.num_validation:
        return (
            "is of a validation split; pass num_validation=, its size, and call "
            "pruned.validated(loss, accuracy) after every epoch"
        )
    return None


def check(wishes: Wishes, given: Given, signals: Sequence[str]) -> None:
    """Refuse an agent, or further signals to keep, that ask for what the loop does not give.

    Raises:
        ValueError: what is missing, and how it is given.
    """
    for signal in wishes.signals:
        if lack := lacking(signal, given):
            raise ValueError(f"{wishes.who} reads {signal}, which {lack}")
    for signal in signals:
        if lack := lacking(signal, given):
            raise ValueError(f"signals has {signal}, which {lack}")
    if wishes.options.get("feedback") == "full" and not given.full_feedback:
        raise ValueError(
            f"{wishes.who} reads the arms that it pruned too; pass feedback='full', and after "
            "every epoch give those of pruned.rest to pruned.look"
        )
    if given.full_feedback and not given.classes:
        raise ValueError(
            "feedback is 'full', and look takes logits and classes; pass labels= or num_classes="
        )
    if wishes.prior is None and given.prior:
        raise ValueError(f"{wishes.who} chooses by no prior run; leave out prior=")
    if wishes.prior is not None and not given.prior:
        if never := not_recorded(wishes.prior):
            raise ValueError(
                f"{wishes.who} takes {never.replace('`', '')}, which no loop records; pass prior=, "
                "what prune_agents.prior.record gives"
            )
        more = ", model=model, signals=('features',)" * _takes_features(wishes.prior)
        raise ValueError(
            f"{wishes.who} chooses by a prior run; pass prior=, the traces() of "
            f"Pruned(dataset, epochs=..., keep_traces=True{more}) after its first "
            f"{wishes.prior.rounds} epochs"
        )


def in_words(wishes: Wishes) -> tuple[str, ...]:
    """What an agent asks of a loop beside a loss a sample, in the words of a table."""
    signals, prior = set(wishes.signals), wishes.prior
    looks = wishes.options.get("feedback") == "full"
    asked = {
        "classes": looks or signals & set(MEASURED) - {"loss"},
        "`labels=`": "label" in signals,
        "`model=`": "features" in signals,
        "`model=` and `reference=`": "reference_loss" in signals,
        "`validated` after every epoch": wishes.reads_validation,
        "`feedback='full'`, and a look at `rest`": looks,
        "`prior=`": prior is not None,
        "there with features": prior is not None and _takes_features(prior),
    }
    return tuple(name for name, wanted in asked.items() if wanted)


def not_recorded(prior: Any) -> str | None:
    """What of a prior run no loop records; None where one does."""
    extras = [name for name in prior.extra if name not in RECORDED]
    if extras:
        return f"`{'`, `'.join(extras)}` of a prior run"
    return "prior runs that leave out one half of the arms each" if prior.halves else None


def _takes_features(prior: Any) -> bool:
    return prior.features or "gradient_norm" in prior.extra


def options_for(
    wishes: Wishes, length: dict[str, Any], feedback: Feedback, signals: Sequence[str]
) -> tuple[RoundOptions, float]:
    """How a run is made for an agent, and the highest weight of an arm.

    Args:
        wishes: of the agent.
        length: "epochs" or "budget".
        feedback: what the loop gives.
        signals: to keep of every arm beside what the agent reads, and the loss.
    """
    wished = dict(wishes.options)
    weight_max = wished.pop("weight_max", 100.0)
    options = length | {"feedback": feedback} | wished
    shown = [*wishes.signals, "loss", *signals, *["budget_left"] * ("budget" in options)]
    options |= {"signals": tuple(dict.fromkeys(shown)), "reward": "kept_loss", "test": False}
    return RoundOptions.of(options), weight_max
