"""The charts of a report, as Altair charts. Each shows one setting; see `shared`."""

from prune_bench.report.charts.cost import accuracy_against_cost
from prune_bench.report.charts.curves import learning_curves
from prune_bench.report.charts.lead import ahead, hides_some
from prune_bench.report.charts.performance_profiles import performance_profiles
from prune_bench.report.charts.shared import Chart, spec
from prune_bench.report.charts.time_and_kept import kept, pulls, time_split
from prune_bench.report.charts.to_png import png
from prune_bench.report.charts.wrong_labels import wrong_labels
from prune_bench.report.palette import Palette, palette

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
    "spec",
    "time_split",
    "wrong_labels",
]
