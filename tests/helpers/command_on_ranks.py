"""The command prune-env as torchrun starts it, for `on_ranks`."""

from __future__ import annotations

import contextlib
import io
import os
import signal

from prune_bench.commands import single_run
from prune_bench.commands.main import main
from prune_bench.run import checkpoint
from prune_bench.run.episode import Episode


def command(words: list[str], die_in_round: int | None = None) -> tuple[int, str, str]:
    """Exit status and what it printed; rank 1 dies at the beginning of a round."""
    single_run.CHECKPOINT_SECONDS = 0.0
    step = Episode.step

    def dying(self):
        if os.environ["RANK"] == "1" and len(self.history) == die_in_round:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self)

    Episode.step = dying
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as stop:
            status = stop.code
    return status, out.getvalue(), err.getvalue()


def rounds_in(path) -> int:
    """How many rounds a checkpoint has."""
    import torch

    from prune_env.files import read_sealed

    content = torch.load(io.BytesIO(read_sealed(path)), weights_only=True)
    assert checkpoint.to_arrays(content["state"])["terminated"] is False
    return len(content["state"]["history"])
