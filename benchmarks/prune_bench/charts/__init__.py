"""The charts of a report, as Altair charts. Each shows one setting; see `shared`."""

from prune_bench.charts.ahead import ahead
from prune_bench.charts.cost import accuracy_against_cost, learning_curves
from prune_bench.charts.inside import kept, pulls, time_split
from prune_bench.charts.profiles import performance_profiles
from prune_bench.charts.shared import Chart, looks

__all__ = [
    "Chart",
    "accuracy_against_cost",
    "ahead",
    "kept",
    "learning_curves",
    "looks",
    "performance_profiles",
    "pulls",
    "time_split",
]
