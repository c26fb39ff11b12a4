"""Every family of policies: importing this registers all their agents."""

from prune_agents import (  # noqa: F401
    classes,
    contextual,
    coverage,
    dvrl,
    dynamics,
    early,
    exp3,
    forgetting,
    full_feedback,
    geometry,
    importance,
    infobatch,
    loss_ema,
    meta,
    repb,
    seta,
    stored_loss,
    thompson,
    ucb1,
    uniform,
)
