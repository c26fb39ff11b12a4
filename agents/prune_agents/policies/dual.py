"""dual: difficulty times uncertainty early in training, drawn to easier arms as fewer are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from prune_agents.policies.static import highest
from prune_agents.policies.windowed import Windowed
from prune_agents.prior import Traces
from prune_agents.tools import difficulty
from prune_agents.tools.sampling import weighted_k
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class DUAL(Windowed):
    """DUAL: difficulty times uncertainty early in a prior run, and easier arms at low keep ratios.

    DUAL_i is the mean over sliding windows of (1 - mean p[y]) * (standard deviation of p[y]). K
    arms are drawn without replacement with odds DUAL_i * BetaPDF(mean of p[y] over the prior run;
    A, B), B = 15 (1 - m) (1 - r^c), A = 16 - B, r = 1 - keep_ratio, m = the mean p[y] of the 10
    arms of the highest DUAL; or the K highest are kept. Source: arXiv 2502.06905, windows of 10 of
    the first 30 of 200 epochs, c = 4, verified in the authors' code. The defaults are theirs at
    that length: 15 % of the run, 4 rounds at least, and a third of that.
    """

    sampling: Literal["beta", "top"] = "beta"
    """draw by the odds above, or keep the K highest"""
    c: Annotated[float, In("(0, inf)")] = 4.0
    """how fast the choice turns to easier arms as keep_ratio falls"""

    prior_share: ClassVar[float] = 0.15
    prior_floor: ClassVar[int] = 4
    window_share: ClassVar[float] = 1 / 3

    def select(self, traces: Traces, k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        confidence = traces.signals["confidence"]
        window = self.window_of(confidence.shape[1])
        score = difficulty.difficulty_times_deviation(confidence, window).mean(axis=0)
        if self.sampling == "top":
            return highest(score, k, rng)
        easiness = confidence.mean(axis=(0, 1))
        return weighted_k(self.log_odds(score, easiness)[None], k, rng)[0]

    def log_odds(
        self, score: NDArray[np.floating[Any]], easiness: NDArray[np.floating[Any]]
    ) -> NDArray[np.float64]:
        """Logarithm of DUAL_i * BetaPDF_i, up to a constant, (N,).

        Args:
            score: (N,), DUAL.
            easiness: (N,) in [0, 1], mean p[y].
        """
        m = easiness[np.argsort(score)[-10:]].mean()
        b = 15 * (1 - m) * (1 - (1 - self.keep_ratio) ** self.c)
        a = 16 - b
        x = easiness.astype(np.float64).clip(1e-6, 1 - 1e-6)
        log_pdf = (a - 1) * np.log(x) + (b - 1) * np.log(1 - x)
        return np.log(np.maximum(score, 1e-12)) + log_pdf
