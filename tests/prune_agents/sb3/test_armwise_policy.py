"""One network for all arms: equivariant, of one size for any N, and movable."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from prune_agents.sb3.armwise_policy import ArmwisePolicy, MeanGaussian, move
from stable_baselines3 import A2C, PPO

import prune_env  # noqa: F401
from prune_env.wrappers import ArmScores, StackArms


def policy_for(num_arms, num_features=3, **kwargs):
    torch.manual_seed(0)
    observation = spaces.Box(-10, 10, (num_arms, num_features), np.float32)
    action = spaces.Box(-1, 1, (num_arms,), np.float32)
    return ArmwisePolicy(observation, action, lambda _: 1e-3, **kwargs)


def make_env(num_arms=16):
    return StackArms(ArmScores(gym.make("prune_env/Synthetic-v0", num_arms=num_arms, epochs=4)))


def test_permuted_arms_get_permuted_scores_and_one_value():
    policy = policy_for(6)
    arms, order = torch.randn(2, 6, 3), torch.tensor([3, 1, 5, 0, 2, 4])
    scores, values = policy.scores(arms)
    permuted, same = policy.scores(arms[:, order])
    torch.testing.assert_close(permuted, scores[:, order])
    torch.testing.assert_close(same, values)
    assert scores.std() > 0


def test_the_log_probability_is_the_mean_over_the_arms():
    means, actions = torch.zeros(1, 4), torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    distribution = MeanGaussian(4).proba_distribution(means, torch.tensor(0.0))
    # log N(0) = -0.9189, log N(1) = -1.4189
    torch.testing.assert_close(
        distribution.log_prob(actions), torch.tensor([-1.1689]), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(distribution.entropy(), torch.tensor([1.4189]), atol=1e-4, rtol=0)


def test_its_size_does_not_depend_on_the_number_of_arms():
    sizes = {sum(p.numel() for p in policy_for(n, 11).parameters()) for n in (4, 50_000)}
    assert sizes == {1440 + 2080 + 33 + 1056 + 33 + 1}


def test_log_probabilities_agree_however_they_are_asked_for():
    policy = policy_for(5)
    arms = torch.randn(2, 5, 3)
    actions, values, log_probs = policy(arms)
    again, same, entropy = policy.evaluate_actions(arms, actions)
    torch.testing.assert_close(again, values)
    torch.testing.assert_close(same, log_probs)
    torch.testing.assert_close(policy.get_distribution(arms).log_prob(actions), log_probs)
    torch.testing.assert_close(policy.predict_values(arms), values)
    assert entropy.shape == (2,)


@pytest.mark.parametrize(("algorithm", "options"), [(PPO, {"batch_size": 8}), (A2C, {})])
def test_trains_and_moves_to_another_number_of_arms(algorithm, options):
    model = algorithm(ArmwisePolicy, make_env(16), n_steps=8, seed=0, device="cpu", **options)
    model.learn(16)
    before = {name: weight.clone() for name, weight in model.policy.state_dict().items()}
    assert move(model, make_env(40)) is model
    for name, weight in model.policy.state_dict().items():
        assert torch.equal(weight, before[name]), name
    observation, _ = make_env(40).reset(seed=0)
    action, _ = model.predict(observation, deterministic=True)
    assert action.shape == (40,)
    model.learn(8, reset_num_timesteps=False)
    assert not torch.equal(model.policy.arm_net[0].weight, before["arm_net.0.weight"])


def test_saved_and_loaded_by_sb3(tmp_path):
    model = PPO(
        ArmwisePolicy, make_env(), n_steps=8, batch_size=8, policy_kwargs={"width": 8}, device="cpu"
    )
    model.save(tmp_path / "model.zip")
    loaded = PPO.load(tmp_path / "model.zip")
    observation, _ = make_env().reset(seed=0)
    np.testing.assert_array_equal(
        loaded.predict(observation, deterministic=True)[0],
        model.predict(observation, deterministic=True)[0],
    )


@pytest.mark.parametrize("make", [lambda env: env, lambda env: StackArms(env), ArmScores])
def test_other_spaces_are_refused(make):
    env = make(gym.make("prune_env/Synthetic-v0", num_arms=16))
    with pytest.raises(ValueError, match=r"Wrap the environment: StackArms\(ArmScores\(env\)\)"):
        ArmwisePolicy(env.observation_space, env.action_space, lambda _: 1e-3)


def test_only_what_fits_is_moved():
    model = PPO(ArmwisePolicy, make_env(), n_steps=8, batch_size=8, device="cpu")
    other = StackArms(ArmScores(gym.make("prune_env/Synthetic-v0", num_arms=16)), names=("loss",))
    with pytest.raises(ValueError, match="env has 1 features an arm; expected 11"):
        move(model, other)
    stock = PPO("MlpPolicy", make_env(), n_steps=8, batch_size=8, device="cpu")
    with pytest.raises(
        ValueError, match="only an ArmwisePolicy can be moved; got ActorCriticPolicy"
    ):
        move(stock, make_env(20))
