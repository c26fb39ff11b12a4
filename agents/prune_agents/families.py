"""Every family of policies: importing this registers all their agents."""

from prune_agents import (  # noqa: F401
    classes,
    contextual,
    coverage,
    density,
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
    molpeg,
    prototypes,
    repb,
    rho_loss,
    rl_selector,
    seta,
    stored_loss,
    thompson,
    ucb1,
    uniform,
)

GROUPS: dict[str, tuple[str, ...]] = {
    "controls": (
        "full", "full_short", "static_random", "random_dynamic", "rs2", "dyn_reduction",
    ),
    "dynamic": (
        "uncertainty", "epsilon_greedy", "ucb", "infobatch", "infobatch_k", "seta", "bls", "repb",
        "orderdp", "rcap", "kakurenbo", "nlu_diet", "gauss_loss", "selective_backprop", "is_epoch",
        "forget_online",
    ),
    "features": ("molpeg", "proto_sampler", "density_epoch"),
    "bandits": (
        "ucb1", "ducb", "swucb", "ucb_std", "ts_gauss", "ts_beta", "boltzmann", "exp3m", "exp3ix",
        "contextual", "arm_clusters", "meta_bandit",
    ),
    "static": (
        "forgetting", "el2n", "grand", "grand_full", "aum", "ccs", "dual", "dyn_unc", "tdds", "cat",
        "moderate", "kcenter", "d2",
    ),
    "learned": ("rho_loss", "rl_selector", "dvrl"),
}  # fmt: skip
"""The policies in the order of docs/policies.md: what has to be beaten; then those that choose by
signals of the training itself, by features or a moving average of the network, as bandits do, by a
prior run, and by losses on other data or as they learn to."""
