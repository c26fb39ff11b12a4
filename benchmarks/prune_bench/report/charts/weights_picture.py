"""A picture of what the agent `learned` weighs when: its terms over the run, as more is learned."""

from __future__ import annotations

from itertools import product
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray
from prune_agents.policies.learned import COUNT, TERMS

from prune_bench.report.charts.to_png import png
from prune_bench.report.palette import AHEAD, BEHIND

PROGRESS = (0.0, 0.25, 0.5, 0.75, 1.0)
LEARNED = {
    "little learned: mean loss 1 log C": -1.0,
    "some: 0.37 log C": 0.0,
    "much: 0.14 log C": 1.0,
}
"""Values of the context `learned`, and what they mean."""
EASIER = {"hard arms lose 10 %": -0.8, "hard arms lose 70 %": 0.4}
"""Values of the context `easier`, and what they mean: of the loss, from one look to the next."""


def weights_at(
    matrix: NDArray[np.float64], progress: float, learned: float, easier: float
) -> dict[str, float]:
    """The weight of each term, and of the count, at some point of a run.

    Args:
        matrix: (rows, contexts), see `prune_agents.policies.learned`.
        progress: share of the run behind, in [0, 1].
        learned: the context of that name, in [-1, 1].
        easier: the context of that name, in [-1, 1].
    """
    late = 2 * progress - 1
    *terms, noise, _ = (matrix @ np.array([1.0, late, learned, easier])).tolist()
    count = float(matrix[-1, 1]) * late + 0.0  # the logarithm of a proportion; no -0
    return dict(zip((*TERMS, COUNT), (*terms, abs(noise), count), strict=True))


def picture(matrix: NDArray[np.float64], title: str) -> bytes:
    """The picture, a PNG."""
    rows: list[dict[str, Any]] = [
        {"term": term, "run": f"{progress:.0%}", "when": when, "where": where, "weight": weight}
        for (when, learned), (where, easier), progress in product(
            LEARNED.items(), EASIER.items(), PROGRESS
        )
        for term, weight in weights_at(matrix, progress, learned, easier).items()
    ]
    most = max(abs(row["weight"]) for row in rows)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("run:N", sort=None, title="share of the run behind", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("term:N", sort=[*TERMS, COUNT], title=None),
    )
    colour = alt.Scale(domain=[-most, 0, most], range=[BEHIND, "white", AHEAD], interpolate="rgb")
    cells = base.mark_rect().encode(color=alt.Color("weight:Q", scale=colour, legend=None))
    numbers = base.mark_text(fontSize=11).encode(text=alt.Text("weight:Q", format="+.2f"))
    panels = alt.layer(cells, numbers).properties(width=260, height=190)
    chart = panels.facet(
        column=alt.Column("when:N", sort=list(LEARNED), title=None),
        row=alt.Row("where:N", sort=list(EASIER), title=None),
    )
    return png(chart.properties(title=alt.TitleParams(title, fontSize=15, offset=12)).to_dict())
