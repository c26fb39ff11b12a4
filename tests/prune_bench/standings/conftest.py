"""What the tests of standings share."""

from __future__ import annotations

import pytest
from prune_bench.run.options import RunOptions


@pytest.fixture(scope="session")
def made(make_result):
    """Makes up a result with a given last accuracy and cost."""

    def made(agent, seed=0, keep_ratio=0.1, accuracy=None, cost=None, **options):
        result = make_result(
            RunOptions(agent=agent, seed=seed, keep_ratio=keep_ratio, epochs=10, **options)
        )
        if accuracy is not None:
            result["test_accuracy"] = {"last": accuracy, "best": accuracy}
            result["history"][-1]["test_accuracy"] = accuracy
        if cost is not None:
            passes = round(cost * 3 * result["num_arms"] * 10)
            result["passes"]["charged"] = passes
            result["history"][-1]["passes"] = passes
        return result

    return made
