"""The policies, a file each. This table is the only place that knows where they are.

A new policy is a file here, a line in this table, a row in docs/policies.md and a formula in
docs/formulas.md.
"""

GROUPS: dict[str, dict[str, str]] = {
    # what has to be beaten
    "controls": {
        "full": "controls:Full",
        "full_short": "controls:FullShort",
        "static_random": "controls:StaticRandom",
        "random_dynamic": "controls:RandomDynamic",
        "class_balanced": "controls:ClassBalanced",
        "rs2": "controls:RS2",
        "dyn_reduction": "dyn_reduction:DynReduction",
    },
    # by signals of the training itself
    "dynamic": {
        "uncertainty": "uncertainty:Uncertainty",
        "easiest": "easiest:Easiest",
        "epsilon_greedy": "epsilon_greedy:EpsilonGreedy",
        "ucb": "ucb:UCB",
        "infobatch": "infobatch:InfoBatch",
        "infobatch_k": "infobatch_k:InfoBatchK",
        "seta": "seta:SeTa",
        "bls": "bls:BLS",
        "repb": "repb:RePB",
        "orderdp": "orderdp:OrderDP",
        "rcap": "rcap:RCAP",
        "kakurenbo": "kakurenbo:Kakurenbo",
        "nlu_diet": "nlu_diet:NLUDiet",
        "gauss_loss": "gauss_loss:GaussLoss",
        "selective_backprop": "selective_backprop:SelectiveBackprop",
        "is_epoch": "is_epoch:ISEpoch",
        "forget_online": "forget_online:ForgetOnline",
        "ies": "ies:IES",
        "class_quota": "class_quota:ClassQuota",
        "pods": "pods:PODS",
    },
    # by features, or by a moving average of the network
    "features": {
        "molpeg": "molpeg:MolPeg",
        "proto_sampler": "proto_sampler:ProtoSampler",
        "density_epoch": "density_epoch:DensityEpoch",
        "grad_match": "grad_match:GradMatch",
    },
    # as bandits do
    "bandits": {
        "ucb1": "ucb1:UCB1",
        "ducb": "ducb:DUCB",
        "swucb": "swucb:SWUCB",
        "ucb_std": "ucb:UCBStd",
        "ts_gauss": "ts_gauss:TSGauss",
        "ts_beta": "ts_beta:TSBeta",
        "boltzmann": "boltzmann:Boltzmann",
        "exp3m": "exp3m:Exp3M",
        "exp3ix": "exp3ix:Exp3IX",
        "contextual": "contextual:Contextual",
        "odm": "odm:ODM",
        "dump": "dump:DUMP",
        "arm_clusters": "arm_clusters:ArmClusters",
        "meta_bandit": "meta_bandit:MetaBandit",
    },
    # by a prior run, once but for infogrowth
    "static": {
        "forgetting": "forgetting:Forgetting",
        "el2n": "el2n:EL2N",
        "grand": "grand:GraNd",
        "grand_full": "grand:GraNdFull",
        "aum": "aum:AUM",
        "ccs": "ccs:CCS",
        "dual": "dual:DUAL",
        "dyn_unc": "dyn_unc:DynUnc",
        "tdds": "tdds:TDDS",
        "cat": "cat:CAT",
        "moderate": "moderate:Moderate",
        "kcenter": "kcenter:KCenter",
        "d2": "d2:D2",
        "infomax": "infomax:InfoMax",
        "s2l": "s2l:S2L",
        "infogrowth": "infogrowth:InfoGrowth",
    },
    # by losses on other data, as they learn to, or as was learned before
    "learned": {
        "rho_loss": "rho_loss:RhoLoss",
        "proxy_top_k": "proxy_top_k:ProxyTopK",
        "data_agent": "data_agent:DataAgent",
        "rl_selector": "rl_selector:RLSelector",
        "learned": "learned:Learned",
        "dvrl": "dvrl:DVRL",
    },
}
"""Group -> name -> "file:Class", in the order of docs/policies.md. Nothing is imported here."""

POLICIES: dict[str, str] = {
    name: f"prune_agents.policies.{place}"
    for group in GROUPS.values()
    for name, place in group.items()
}
"""Name -> "module:Class" of every built-in policy."""
