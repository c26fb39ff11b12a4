"""`prune-env inspect`: one picture of what policies keep."""

from __future__ import annotations

from dataclasses import dataclass, field

import tyro
from rich.console import Console

from prune_bench.run.options import Place
from prune_bench.studies.inspect import InspectOptions


@dataclass(frozen=True)
class Inspect:
    """Draw what policies keep, when, how often and how alike: one picture."""

    inspect: tyro.conf.OmitArgPrefixes[InspectOptions] = field(default_factory=InspectOptions)
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)

    def main(self, console: Console) -> None:
        """Draw it."""
        from prune_bench.standings.verdict import percent
        from prune_bench.studies import inspect
        from prune_env.files import replacing

        try:
            from prune_bench.report.charts.inspect_picture import picture
        except ImportError as error:
            raise ImportError("a picture needs: pip install 'prune_env[report]'") from error
        options = self.inspect
        title = f"{options.env}, keep {percent(options.keep_ratio)}, seed {options.seed}"
        title += f", label noise {percent(options.label_noise)}" if options.label_noise else ""
        with replacing(options.out) as file, console.status(f"making {options.env}") as status:
            runs = inspect.inspect(
                options,
                self.place,
                lambda agent, env: status.update(f"{agent}, round {env.rounds.arms.round[0]}"),
            )
            file.write_bytes(picture(runs, title))
        console.print(f"picture of {title}: {options.out.resolve().as_uri()}", soft_wrap=True)
