"""Driving: one question to an agent, with what it answers checked.

Whatever has `predict` of Stable-Baselines3, (observation, state) -> (action, state), can be an
agent. What cannot be trained on, or could not be saved with a run, is refused at its first answer.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.selection import as_array

_LARGEST = {"b": 1, "i": 8, "u": 8, "f": 8, "c": 16}
"""Kinds of numbers that a checkpoint can hold, and the most bytes of one."""


def ask(
    agent: Any, observation: Any, state: Any, num_arms: int
) -> tuple[NDArray[Any], dict[str, NDArray[Any]] | None]:
    """What an agent chooses for one run over N arms, and its new state.

    Args:
        agent: what has `predict`.
        observation: of the environment, or of the last round.
        state: what the last call returned; None begins anew.
        num_arms: N.

    Returns:
        The action, (N,), which the environment checks further, and the state.

    Raises:
        ValueError: the agent answers something else; the message says what is allowed.
    """
    who = getattr(agent, "known_as", type(agent).__name__)
    if state is None:
        check_signature(agent)
    answer = agent.predict(observation, state)
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise ValueError(
            f"{who}.predict returned {_kind(answer)}; expected (action, state), state None if it "
            "has none"
        )
    action, state = answer
    return one_run(action, num_arms, who), check_state(state, who)


def one_run(action: Any, num_arms: int, who: str = "the agent") -> NDArray[Any]:
    """The action of one run over N arms, (N,); a list, a tensor or (1, N) is taken too.

    Raises:
        ValueError: it has another shape.
    """
    array = as_array(action)
    array = array[0] if array.shape == (1, num_arms) else array
    if array.shape == (num_arms,):
        return array
    hint = ""
    if array.ndim == 1 and array.dtype.kind in "iu":
        hint = (
            "; if these are the numbers of the arms to keep, answer mask = np.zeros(N, np.int8), "
            "mask[numbers] = 1"
        )
    raise ValueError(
        f"{who} chose an array of shape {array.shape}; expected ({num_arms},), one entry for each "
        f"arm, 1 keeps it{hint}"
    )


def check_state(state: Any, who: str = "the agent") -> dict[str, NDArray[Any]] | None:
    """The state of an agent as it is: None, or a plain dict of numeric arrays.

    Anything else could not be saved with a run and read back without running code.

    Raises:
        ValueError: it is something else.
    """
    allowed = "allowed is None or a plain dict of NumPy arrays of numbers"
    if state is None:
        return None
    if type(state) is not dict:
        raise ValueError(f"the state of {who} is {_kind(state)}; {allowed}")
    for name, array in state.items():
        if not isinstance(name, str):
            raise ValueError(f"the state of {who} has the key {name!r}, no text; {allowed}")
        kind = getattr(getattr(array, "dtype", None), "kind", "")
        plain = type(array) is np.ndarray or isinstance(array, np.generic)
        if not plain or kind not in _LARGEST:
            raise ValueError(f"the state of {who} has {name!r}, which is {_kind(array)}; {allowed}")
        if array.dtype.itemsize > _LARGEST[kind] or not array.dtype.isnative:
            raise ValueError(f"the state of {who} has {name!r} of type {array.dtype}; {allowed}")
    return state


def check_signature(agent: Any) -> None:
    """Refuse a `predict` that takes other arguments, or is of a class, before it is called.

    Raises:
        ValueError: it cannot be called with an observation and a state.
    """
    if isinstance(agent, type):
        raise ValueError(
            f"agent is {agent!r}; expected an object with predict(observation, state); make one: "
            f"{agent.__name__}()"
        )
    try:
        inspect.signature(agent.predict).bind({}, None)
    except TypeError as error:
        raise ValueError(
            f"{type(agent).__name__}.predict cannot be called with (observation, state): {error}"
        ) from error
    except ValueError:  # nothing is known of it, as of a function in C
        return


def _kind(value: Any) -> str:
    """What a value is, in a few words."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"{type(value).__name__} of {value.dtype}"
    text = " ".join(repr(value).split())
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:40] + '...'}"
