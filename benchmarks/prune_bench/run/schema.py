"""What a result and the failure of a run must look like, so that what reads them can rely on it.

A shape is a type, a range of numbers, a dict of shapes by name (further entries are allowed), a
list with the shape of all its entries, or a tuple of shapes of which one has to fit. In a dict the
name `...` stands for all others, and one that ends in "?" may be absent.
"""

from __future__ import annotations

from typing import Any

from prune_env.checks import In

SCHEMA = 1
"""Version of a result's file; results/README.md describes it."""

NUMBER, COUNT, SHARE = In("(-inf, inf)"), In("[0, inf)"), In("[0, 1]")
SECONDS = In("[0, inf)")

THREADS = In("[1, 1024]")
"""PyTorch's of a run: many more end a process, without a word that could be caught."""

OPTIONS: dict[Any, Any] = {
    "env": str,
    "agent": str,
    "keep_ratio": In("(0, 1]"),
    "epochs": In("[1, inf)"),
    "seed": COUNT,
    "agent_options": dict,
    "network": (str, None),
    "recipe": dict,
    "feedback": str,
    "refresh": COUNT,
    "limit": (COUNT, None),
    "evaluate_every": (In("[1, inf)"), str),
}

_PASSES = {"train": In("[1, inf)"), "refresh": COUNT, "evaluate": COUNT}

ROW: dict[Any, Any] = {
    "round": In("[1, inf)"),
    "kept": COUNT,
    "kept_loss": NUMBER,
    "val_loss?": NUMBER,
    "val_accuracy?": SHARE,
    "test_accuracy?": SHARE,
    "diverged": bool,
    "passes": COUNT,
    **{f"passes_{name}": COUNT for name in _PASSES},
    **dict.fromkeys(("seconds", "cpu_seconds"), SECONDS),
    **dict.fromkeys(("seconds_evaluate", "cpu_seconds_evaluate"), SECONDS),
    "wrong_kept?": SHARE,
    "wrong_auc?": {...: SHARE},
    "regret?": NUMBER,
}
"""A round of a history."""

RESULT: dict[Any, Any] = {
    "options": OPTIONS,
    "agent_options": dict,
    "env_options": {"budget": (NUMBER, None), "signals?": [str], "feedback?": str},
    "num_arms": In("[1, inf)"),
    "history": [ROW],
    "val_accuracy?": {"last": SHARE, "best": SHARE},
    "test_accuracy": {"last": SHARE, "best": SHARE},
    "diverged": bool,
    "passes": {"charged": COUNT, ...: COUNT, **_PASSES},
    "seconds": {...: SECONDS},
    "cpu_seconds": {...: SECONDS},
    "kept": {
        "arms_by_class": [COUNT],
        "pulls_by_class": [COUNT],
        "arms_by_pulls": [COUNT],
        "pulls_by_difficulty": [COUNT],
    },
    "place": {
        "device": str,
        "gpu": (str, None),
        "processor": str,
        "instructions?": str,
        "cores": (COUNT, None),
        "threads": THREADS,
        "processes?": In("[1, inf)"),
        "python": str,
        "versions": {...: str},
        "commit?": (str, None),
    },
    "trained?": {name: (str, None) for name in ("data?", "network?", "precision?", "labels?")},
    "prior?": (dict, None),
    "sources?": {...: (str, None)},
    "reads_keep_ratio?": bool,
}

FAILURE: dict[Any, Any] = {"options": OPTIONS | {"epochs": (In("[1, inf)"), None)}, "error": str}


def misfit_of_result(result: Any) -> str:
    """What is wrong with a result, in words, or ""."""
    if wrong := misfit(result, RESULT):
        return wrong
    last = result["history"][-1]
    return "" if "test_accuracy" in last else "history ends without a test_accuracy"


def misfit(value: Any, shape: Any, name: str = "it") -> str:
    """Where a value from JSON has another shape, in words; "" where it has this one."""
    if isinstance(shape, tuple):
        return "" if any(not misfit(value, one) for one in shape) else misfit(value, shape[0], name)
    if isinstance(shape, In):
        fits = type(value) in (int, float) and value in shape
        return "" if fits else f"{name} is {_short(value)}; allowed is {shape.interval}"
    if shape is None:
        return "" if value is None else f"{name} is {_short(value)}; expected null"
    kind: Any = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, kind):
        return f"{name} is {_short(value)}; expected a {kind.__name__}"
    if isinstance(shape, list):
        if not value:
            return f"{name} is empty"
        for place, part in enumerate(value):
            if found := misfit(part, shape[0], f"{name}[{place}]"):
                return found
    elif isinstance(shape, dict):
        for key in shape:
            if key is not ... and key not in value and not key.endswith("?"):
                return f"{name} has no {key}"
        others = shape.get(...)
        for key, part in value.items():
            one = shape.get(key) or shape.get(f"{key}?", others)
            if one is not None and (found := misfit(part, one, key)):
                return found
    return ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
