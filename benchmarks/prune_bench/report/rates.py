"""Which learning rate is best for whom: the table of docs/evidence.md, chosen by validation."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from pathlib import Path

import numpy as np

from prune_bench.report.markdown import markdown_table
from prune_bench.run.pairs import short_name
from prune_bench.run.result import read_results
from prune_bench.standings.verdict import percent
from prune_env.networks import recipe


def rates(*folders: Path) -> str:
    """Mean validation accuracy after the last epoch, in per cent; the best of a row is bold.

    Only the seeds that an agent has at every rate count; runs of a GPU are apart.

    Args:
        folders: boards whose runs differ in `peak_lr`; where a recipe does not name it, it is the
            network's own.
    """
    found: dict[tuple[str, int, str, float, str], dict[float, dict[int, float]]] = defaultdict(dict)
    for run in chain.from_iterable(map(read_results, folders)):
        of = run.options
        where = run.trained.get("precision", "fp32") + ", GPU" * run.device.startswith("cuda")
        noise = of["label_noise"]
        data = short_name(of["env"]) + (f", {percent(noise)} wrong" if noise else "")
        setting = (data, of["epochs"], where, of["keep_ratio"], of["agent"])
        rate = of["recipe"].get("peak_lr", recipe(of["network"]).peak_lr)
        found[setting].setdefault(rate, {})[run.seed] = run.accuracy("val", "last")
    found = {setting: by_rate for setting, by_rate in found.items() if len(by_rate) > 1}
    columns = sorted({rate for by_rate in found.values() for rate in by_rate})
    lines = []
    for (data, epochs, where, keep, agent), by_rate in sorted(found.items()):
        seeds = sorted(set.intersection(*(set(runs) for runs in by_rate.values())))
        means = {rate: np.mean([runs[seed] for seed in seeds]) for rate, runs in by_rate.items()}
        texts = {rate: f"{100 * mean:.1f}" for rate, mean in means.items()}
        best = max(means, key=lambda rate: means[rate])
        texts[best] = f"**{texts[best]}**"
        cells = [texts.get(rate, "–") for rate in columns]
        told = [data, str(epochs), where, percent(keep), f"`{agent}`", str(len(seeds))]
        lines.append([*told, *cells])
    headings = ["data", "epochs", "in", "keep", "agent", "runs each"]
    return markdown_table([*headings, *(f"{rate:g}" for rate in columns)], lines)
