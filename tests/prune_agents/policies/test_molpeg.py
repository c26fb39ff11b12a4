"""MolPeg on a case worked by hand."""

import numpy as np
import prune_agents


def test_the_arms_on_which_network_and_average_disagree_most(observe):
    agent = prune_agents.make("molpeg", keep_ratio=0.4)
    loss, reference = [1.0, 0.5, 2.0, 3.0, 0.1], [1.2, 1.5, 1.4, 3.1, 0.9]
    _, state = agent.predict(observe(loss=loss, reference_loss=reference))
    np.testing.assert_allclose(state["score"], [[0.2, 1.0, 0.6, 0.1, 0.8]], rtol=1e-5)
    # arm 1 is seen again and now agrees; what is shown of the others is old
    action, state = agent.predict(
        observe(loss=loss, reference_loss=[9, 0.5, 9, 9, 9], seen=[0, 1, 0, 0, 0]), state
    )
    assert action.tolist() == [0, 0, 1, 0, 1]


def test_arms_never_observed_go_first(observe):
    agent = prune_agents.make("molpeg", keep_ratio=0.5)
    seen = [0, 1, 0, 1]
    action, _ = agent.predict(observe(loss=[0, 9, 0, 5], reference_loss=[0, 0, 0, 0], seen=seen))
    assert action.tolist() == [1, 0, 1, 0]
