"""Does training make hard arms easier? What `learned` asks in each round, of any run.

Of the arms that were looked at again and stood in the upper third of their round before: the share
of their loss that is gone. A warning to hardest-first where little is, as of wrong labels and of
what the network cannot learn in the time (but of long tails it is none); no promise where much is,
see docs/regimes.md.

    python -m prune_bench.studies.easing --env prune_env/Digits-v0 --agent uncertainty --epochs 8
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tyro
from prune_agents.policies.learned import Learned
from rich.text import Text

from prune_bench.run.episode import Episode
from prune_bench.run.options import Place, RunOptions
from prune_bench.studies.script import show_study


@dataclass(frozen=True)
class EasingOptions:
    """Which run is watched."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(
        default_factory=lambda: RunOptions(agent="uncertainty")
    )
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)


def easing(options: RunOptions, place: Place | None = None) -> list[float]:
    """After each round, the share of their loss that hard arms have lost, in [0, 1].

    It is (1 + `easier`) / 2 of the contexts of `learned`, so 0.5 until hard arms come up again.

    Raises:
        ValueError, FileNotFoundError: bad options; nothing has been trained then.
    """
    episode = Episode(options, place, signals=("loss",))
    episode.prepare()
    watcher, found = Learned(), []
    state = watcher.start(1, episode.env.learner.num_arms)
    while not episode.terminated:
        episode.step()
        seen = {name: np.asarray(episode.observation[name])[None] for name in ("seen", "loss")}
        watcher.update(state, seen)
        found.append((1 + float(state["easier"][0, 0])) / 2)
    return found


def table(found: list[float]) -> Text:
    """A line for each round."""
    lines = [f"round {number}: {100 * share:.0f} %" for number, share in enumerate(found, start=1)]
    return Text("\n".join(lines))


def main(arguments: list[str] | None = None) -> None:
    """Make the run and print a line for each round."""

    def watched(of: EasingOptions, on_run: Callable[[str, int], Any]) -> list[float]:
        on_run(of.run.label, of.run.seed)
        return easing(of.run, of.place)

    show_study(EasingOptions, __doc__, watched, table, arguments)


if __name__ == "__main__":
    main()
