"""The dashboard: its numbers on cases worked by hand, and that it can be drawn at any moment."""

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import RenderCollection

from prune_env import PruneEnv
from prune_env.dashboard.image import rgb_array, thumbnail
from prune_env.dashboard.summary import extremes, kept_per_bin, pull_groups
from prune_env.dashboard.text import ansi, sparkline

FIRST_TWO = np.array([1, 1, 0, 0], np.int8)


@pytest.fixture
def make(halving):
    """An environment whose arm i starts at i + 1 nats; training on an arm halves its loss."""

    def _make(num_arms=4, actions=(), diverge_after=99, images=None, **options):
        learner = halving(num_arms, diverge_after=diverge_after)
        if images is not None:
            learner.images_of = images.__getitem__
        env = PruneEnv(learner, **({"epochs": 4, "render_mode": "ansi"} | options))
        env.reset(seed=0)
        for action in actions:
            env.step(action)
        return env

    return _make


# -- numbers ---------------------------------------------------------------------------------------


def test_kept_share_of_each_bin():
    loss = np.array([0.05, 0.1, 0.5, 0.9, 1.0, 7.0, np.nan], np.float32)
    kept = np.array([0, 1, 0, 1, 1, 1, 1], bool)
    arms, kept_arms = kept_per_bin(loss, kept, edges=(0.1, 1.0))
    #                          below 0.1, to 1, above, unknown
    assert arms.tolist() == [1, 3, 2, 1]
    assert kept_arms.tolist() == [0, 2, 2, 1]


def test_kept_share_without_any_arm_in_a_bin():
    arms, kept_arms = kept_per_bin(np.array([0.5]), np.array([False]), edges=(0.1, 1.0))
    assert arms.tolist() == [0, 1, 0, 0]
    assert kept_arms.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("pulls", "most", "names", "arms"),
    [
        ([0, 0, 0], 8, ["0"], [3]),
        ([0, 1, 1, 3], 8, ["0", "1", "2", "3"], [1, 2, 0, 1]),
        ([0, 1, 3, 4, 7], 4, ["0", "1-3", "4-6", "7"], [1, 2, 1, 1]),
        ([2, 200], 3, ["0", "1-100", "101-200"], [0, 1, 1]),
    ],
)
def test_groups_of_arms_by_times_kept(pulls, most, names, arms):
    found = pull_groups(np.array(pulls, np.int32), most)
    assert found[0] == names
    assert found[1].tolist() == arms


def test_extremes_go_by_times_kept_and_then_by_loss():
    pulls = np.array([5, 0, 5, 0, 2])
    loss = np.array([1.0, 100.0, 3.0, 0.5, 9.0])
    most, least = extremes(pulls, loss, 3)
    assert most.tolist() == [2, 0, 4]
    assert least.tolist() == [3, 1, 4]


def test_extremes_of_few_arms_without_losses():
    most, least = extremes(np.array([1, 3, 2]), None, 7)
    assert most.tolist() == [1, 2, 0]
    assert least.tolist() == [0, 2, 1]


def test_sparkline():
    assert sparkline(np.array([0.0, 0.5, np.nan, 1.0])) == "▁▅ █"
    assert sparkline(np.array([0.0, 0.2, 0.4, 1.0]), width=2) == "▂█"
    assert sparkline(np.array([])) == ""


def test_the_histogram_takes_the_losses_known_before_the_round(make):
    env = make(actions=[FIRST_TWO, [1, 0, 0, 1]])
    # before round 2, arms 0 and 1 were last seen at 1 and 2 nats; 2 and 3 had not been seen
    assert env.choice["loss"].tolist() == pytest.approx(
        [1, 2, np.nan, np.nan], abs=1e-2, nan_ok=True
    )
    assert env.choice["kept"].tolist() == [True, False, False, True]


def test_a_refresh_pass_keeps_nothing(make):
    env = make(actions=[FIRST_TWO], feedback="full", refresh=1)
    assert env.rounds.arms.observe("seen")[0].tolist() == [1, 1, 1, 1]
    assert env.choice["kept"].tolist() == [True, True, False, False]


def test_an_action_that_is_refused_leaves_the_picture(make):
    env = make(actions=[FIRST_TWO], render_mode="ansi")
    before = env.render()
    with pytest.raises(ValueError, match="keeps no arm"):
        env.step([0, 0, 0, 0])
    assert env.render() == before


def test_rounds_without_an_evaluation_are_gaps(make):
    env = make(actions=[FIRST_TWO] * 3, evaluate_every=2)
    accuracy = env.summary().accuracy
    assert np.isnan(accuracy).tolist() == [False, True, False, True]
    assert accuracy[0] == 0.5


def test_with_a_budget_the_way_is_measured_in_cost(make):
    env = make(actions=[FIRST_TWO, [0, 0, 0, 1]], budget=2.0, reward="kept_loss", signals=("loss",))
    summary = env.summary()
    assert summary.position.tolist() == [0, 0.5, 0.75]
    assert summary.limit == 2.0
    assert summary.headline[2][:2] == ("37.5 %", "of the budget spent")


# -- text ------------------------------------------------------------------------------------------


def test_text(make):
    env = make(actions=[FIRST_TWO, [1, 0, 0, 1]], signals=("loss",), reward="kept_loss")
    lines = ansi(env.summary()).splitlines()
    assert lines[0] == "PruneEnv"
    assert lines[1] == "    2 of 4  rounds (running)"
    assert lines[2] == "    50.0 %  kept in the last round (2 of 4 arms)"
    assert lines[3] == "    25.0 %  of full training spent (1.00 of 4 full epochs)"
    assert "      kept  ▅▅" in lines
    one = "█" * 22  # half of the longest bar, which has 43 blocks
    assert f">= 1                 2  {one}{'░' * 21}  50.0%" in lines
    assert f"unseen               2  {one}{'░' * 21}  50.0%" in lines
    assert f"1                    2  {one}" in lines


@pytest.mark.parametrize("rounds", [0, 1, 4])
def test_text_fits_80_columns_and_has_no_escape_codes(make, rounds):
    text = ansi(make(10_000, [np.ones(10_000, np.int8)] * rounds).summary())
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_text_at_the_start(make):
    assert "no round yet" in ansi(make().summary())


def test_text_at_the_end_shows_the_test_accuracy(make):
    env = make(actions=[FIRST_TWO], epochs=1)
    text = ansi(env.summary())
    accuracy = env.history[-1]["test_accuracy"]
    assert f"{100 * accuracy:.1f} %  test accuracy" in text
    assert "1 of 1  rounds (finished)" in text


def test_text_after_divergence(make):
    text = ansi(make(actions=[FIRST_TWO], diverge_after=1).summary())
    assert "diverged: loss not finite" in text
    assert "loss 100.00 nats" in text


def test_text_without_losses(make):
    env = make(actions=[FIRST_TWO], signals=("pulls",))
    assert "loss is not among the signals" in ansi(env.summary())


# -- image -----------------------------------------------------------------------------------------


IMAGES = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3), np.uint8)
HALF = np.arange(100) < 50


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"actions": [HALF], "images": IMAGES},
        {"actions": [HALF], "images": IMAGES[..., :1]},
        {"actions": [HALF] * 4, "signals": ("pulls",)},
        {"actions": [HALF] * 4, "signals": ("pulls",), "images": IMAGES},
        {"actions": [HALF], "diverge_after": 1},
        {"actions": [HALF] * 3, "feedback": "full", "evaluate_every": 2},
        {"actions": [HALF, ~HALF, HALF], "budget": 2.0},
        {"actions": [HALF] * 60, "epochs": 60},
    ],
    ids=[
        "start",
        "images",
        "grey",
        "no loss",
        "no loss, images",
        "diverged",
        "full",
        "budget",
        "long",
    ],
)
def test_an_image_at_any_moment(make, case):
    env = make(100, render_mode="rgb_array", **case)
    frame = env.render()
    assert frame.shape == (640, 960, 3)
    assert frame.dtype == np.uint8
    assert len(np.unique(frame)) > 50
    np.testing.assert_array_equal(frame, env.render())  # nothing random, nothing changed


def test_a_large_environment(make):
    rng = np.random.default_rng(0)
    env = make(200_000, [rng.random(200_000) < 0.3 for _ in range(3)], render_mode="rgb_array")
    assert env.render().shape == (640, 960, 3)


def test_the_strips_show_the_images_of_the_extreme_arms(make):
    actions = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]
    images = np.full((4, 8, 8, 3), [[[[10]]], [[[90]]], [[[170]]], [[[250]]]], np.uint8)
    frame = rgb_array(make(actions=actions, images=images).summary())
    middle = [412 + 77 * i + 32 for i in range(4)]  # of each image, in pixels from the left
    assert frame[432 + 32, middle, 0].tolist() == [10, 90, 170, 250]
    assert frame[542 + 32, middle, 0].tolist() == [250, 170, 90, 10]


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (300, 200, 3)])
def test_a_thumbnail_of_any_image(shape):
    image = np.full(shape, 7, np.uint8)
    small = thumbnail(image)
    assert small.shape == (64, 64, 3)
    assert (small[32, 32] == 7).all()


def test_a_thumbnail_repeats_pixels():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    expected = np.repeat(np.repeat(image, 8, 0), 8, 1)
    np.testing.assert_array_equal(thumbnail(image), np.broadcast_to(expected, (64, 64, 3)))


# -- within Gymnasium ------------------------------------------------------------------------------


def test_rendering_changes_nothing(make):
    plain, drawn = make(render_mode=None), make(render_mode="rgb_array")
    for action in (FIRST_TWO, [0, 0, 1, 1]):
        drawn.render()
        for ours, theirs in zip(drawn.step(action), plain.step(action), strict=True):
            assert str(ours) == str(theirs)


def test_a_restored_environment_shows_the_same(make):
    env = make(actions=[FIRST_TWO, [0, 1, 1, 0]], render_mode="ansi")
    restored = make(render_mode="ansi")
    restored.load_state_dict(env.state_dict())
    assert restored.render() == env.render()
    env.reset(seed=1)
    assert "no round yet" in env.render()
    assert "no round yet" not in restored.render()


def test_frames_are_collected_over_an_episode(make):
    env = RenderCollection(make(render_mode="rgb_array"))
    env.reset(seed=0)
    env.step(FIRST_TWO)
    frames = env.render()
    assert len(frames) == 2
    assert (frames[0] != frames[1]).any()
    assert env.metadata["render_fps"] == 1


def test_a_real_run_shows_its_id_and_images():
    env = gym.make("prune_env/Digits-v0", limit=200, epochs=2, render_mode="rgb_array")
    env.reset(seed=0)
    env.step(np.ones(env.action_space.n, np.int8))
    summary = env.unwrapped.summary()
    assert summary.title == "prune_env/Digits-v0"
    assert summary.images_of(np.array([7, 3])).shape == (2, 8, 8, 1)
    assert env.render().shape == (640, 960, 3)


def test_importing_prune_env_imports_no_drawing():
    code = "import sys, prune_env; print('matplotlib' in sys.modules or 'PIL' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
