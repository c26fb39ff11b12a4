"""Dynamic data pruning as a Gymnasium environment: the arms are training samples.

Importing this package registers every id; `gymnasium.make("prune_env:prune_env/Digits-v0")` does so
by itself.
"""

from gymnasium.envs.registration import register

from prune_env.core.rounds import RoundOptions
from prune_env.core.selection import Selection, best_k, random_k
from prune_env.core.signals import SIGNALS
from prune_env.env import PruneEnv
from prune_env.vector import PruneVectorEnv
from prune_env.wrappers.small_ids import register_twins

__all__ = [
    "ENVIRONMENTS",
    "SIGNALS",
    "PruneEnv",
    "PruneVectorEnv",
    "RoundOptions",
    "Selection",
    "best_k",
    "random_k",
]

__version__ = "0.1.0"

ENVIRONMENTS: dict[str, str] = {
    "prune_env/Digits-v0": "the 1,797 digits of scikit-learn, 8x8; offline, seconds",
    "prune_env/CIFAR10-v0": "CIFAR-10, 32x32 photos of 10 classes",
    "prune_env/CIFAR100-v0": "CIFAR-100, 32x32 photos of 100 classes",
    "prune_env/Images-v0": "any images: a folder, parquet files, an .npz, a HuggingFace name",
    "prune_env/Arrays-v0": "any inputs: tables, texts, arrays of numbers or tokens; own networks",
    "prune_env/Probe-v0": "real training of a small head on frozen features, hundreds at once",
    "prune_env/Replay-v0": "a recorded run played back: real losses, no training",
    "prune_env/Synthetic-v0": "arms of known kinds that follow formulas; the optimum is known",
}
"""Every registered id, with one line about it."""

RUNGS = {
    "prune_env/Probe-v0": "probe.learner:ProbeLearner",
    "prune_env/Replay-v0": "replay.learner:ReplayLearner",
    "prune_env/Synthetic-v0": "synthetic.learner:SyntheticLearner",
}
"""The cheap stand-ins for a real network, and where in `prune_env.learners` each is.
`gymnasium.make_vec` runs many of them at once."""

for _id in ENVIRONMENTS:
    _name = _id.removeprefix("prune_env/").removesuffix("-v0").lower()
    if _id in RUNGS:
        register(
            _id,
            "prune_env.entry_points:rung_env",
            vector_entry_point="prune_env.entry_points:rung_vector_env",
            kwargs={"learner": f"prune_env.learners.{RUNGS[_id]}"},
        )
    elif _name == "arrays":
        register(_id, "prune_env.entry_points:arrays_env")
    else:
        register(_id, "prune_env.entry_points:network_env", kwargs={"dataset": _name})

for _id in list(ENVIRONMENTS):
    ENVIRONMENTS |= register_twins(_id)
