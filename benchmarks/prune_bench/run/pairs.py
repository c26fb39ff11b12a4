"""Option types that several commands share."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any

import tyro
import yaml
from prune_agents.registry import saved_folder

from prune_env.text import plain

CONSTANTS = {"True": True, "False": False, "None": None}


def parse_pairs(words: list[str]) -> dict[str, Any]:
    """["c=.5", "name=x"] -> {"c": 0.5, "name": "x"}; see `_value`.

    Raises:
        ValueError: a word without "=".
    """
    pairs: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise ValueError(f"{word!r} is not of the form key=value")
        pairs[key] = _value(value)
    return pairs


def _value(text: str) -> Any:
    """What is typed as JSON, as Python writes its numbers and constants, or as a list or mapping of
    YAML; else the text itself.
    """
    readers: list[Callable[[str], Any]] = [json.loads, float, CONSTANTS.__getitem__]
    for read in readers + [_of_yaml] * text.startswith(("[", "{")):
        with suppress(ValueError, KeyError, TypeError, yaml.YAMLError):
            return read(text)
    return text


def _of_yaml(text: str) -> Any:
    """What YAML and JSON can both say: no dates, and nothing that holds itself."""
    return json.loads(json.dumps(yaml.safe_load(text)))


def split_agent(agent: str) -> tuple[str, dict[str, Any]]:
    """Take the options off an agent: "ucb:c=0.5,x=1" -> ("ucb", {"c": 0.5, "x": 1}).

    What follows a colon are options where it begins with `key=`, which no class of `module:Class`
    and no folder does. Values are read as in `parse_pairs`; they may have commas: `x=[1, 2],c=1`.
    """
    if "/" not in agent:  # a path stays as the system gave it
        with suppress(UnicodeError):  # typed where the locale is ASCII, a name is UTF-8 in disguise
            agent = agent.encode("utf-8", "surrogateescape").decode("utf-8")
    found = re.fullmatch(r"(.+?):([^\W\d]\w*=.*)", agent, re.DOTALL)
    if not found:
        return agent, {}
    return found[1], parse_pairs(re.split(r",\s*(?=[^\W\d]\w*=)", found[2]))


def located(agent: str) -> str:
    """The agent by its path, where it is a folder that is here and was typed without a slash.

    Elsewhere it could not be told from the name of a policy that is not there.
    """
    name = split_agent(agent)[0]
    return f"./{agent}" if os.sep not in name and saved_folder(name) else agent


def typed_agent(agent: str, options: Mapping[str, Any]) -> str:
    """What `split_agent` takes apart: "ucb:c=0.5,x=1"."""
    listed = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(options.items()))
    return f"{agent}:{listed}" if listed else agent


def short_name(env_id: str) -> str:
    """`Digits` of `prune_env/Digits-v0`."""
    return env_id.removeprefix("prune_env/").removesuffix("-v0")


def agent_label(agent: str, options: Mapping[str, Any]) -> str:
    """How an agent is called wherever it is shown: its name and the options that it was given."""
    return plain(" ".join([agent, *(f"{name}={value}" for name, value in sorted(options.items()))]))


Pairs = Annotated[
    dict[str, Any],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="[KEY=VALUE ...]",
        instance_from_str=parse_pairs,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda pairs: [f"{k}={json.dumps(v)}" for k, v in pairs.items()],
    ),
]
"""A dict on the command line: `--agent-options c=1.0 alpha=0.5`."""
