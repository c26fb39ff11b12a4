"""The charts of a report, as Altair charts. Each shows one setting; see `shared`."""

from prune_bench.charts.ahead import ahead, hides_some
from prune_bench.charts.cost import accuracy_against_cost
from prune_bench.charts.curves import learning_curves
from prune_bench.charts.inside import kept, pulls, time_split
from prune_bench.charts.palette import Palette, palette
from prune_bench.charts.picture import png
from prune_bench.charts.profiles import performance_profiles
from prune_bench.charts.shared import Chart

__all__ = [
    "Chart",
    "Palette",
    "accuracy_against_cost",
    "ahead",
    "hides_some",
    "kept",
    "learning_curves",
    "palette",
    "performance_profiles",
    "png",
    "pulls",
    "time_split",
]
