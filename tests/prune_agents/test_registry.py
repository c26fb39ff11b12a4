"""Names: look-up, errors that help, agents of other packages."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import prune_agents
import pytest
from prune_agents import policies, registry
from prune_agents.policies.ucb import UCB


class Foreign:
    """Somebody else's agent. It needs no base class."""

    def __init__(self, size: int = 1) -> None:
        self.size = size

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return np.ones_like(observation["seen"]), state


def test_make_builds_by_name_and_by_import_path():
    assert prune_agents.make("ucb", keep_ratio=0.1, c=3) == UCB(keep_ratio=0.1, c=3)
    assert prune_agents.make("prune_agents.policies.ucb:UCB", c=3) == UCB(c=3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 300, "unknown agent 'x{300}'"),  # no file can be called that
        ("ucv", "unknown agent 'ucv' .*did you mean ucb"),
        ("epsilongreedy", r"did you mean epsilon_greedy\?"),
        ("zzzzzzzz", "`prune-env agents` lists them, one.s own is named module:Class"),
        ("no_such_package:Agent", "cannot import agent 'no_such_package:Agent'"),
        (
            "prune_agents.policies.ucb:UCBB",
            r"unknown agent in prune_agents.policies.ucb 'UCBB' .*mean UCB",
        ),
        (
            "prune_agents.tools.groups:rank_within",
            "expected a class, or an object, with a method predict",
        ),
        (":Agent", "cannot import agent"),
        (
            "./fatigue:Fatigue",
            "agent './fatigue:Fatigue' names a file; expected is fatigue:Fatigue",
        ),
        ("ucb:c", r"'ucb:c' names an agent with its options, which are typed as ucb:NAME=VALUE,"),
        ("ucb,c=1", r"and in Python as make\('ucb', NAME=VALUE\)$"),
        ("ucb:c=1,alpha=0.9", "typed as ucb:NAME=VALUE,NAME=VALUE"),
        ("my_module:Mine,width=2", "typed as my_module:Mine:NAME=VALUE"),
        ("agents/my_module.py:Mine", r"agent 'agents/my_module.py:Mine' names a file; expected is"),
        (UCB, r"name is <class .*UCB'>; expected the name of an agent; call it: UCB\(\.\.\.\)"),
        (UCB(), r"name is UCB\(keep_ratio.*\); expected the name of an agent$"),
        (None, "name is None; expected the name of an agent$"),
    ],
)
def test_unknown_name(name, message):
    with pytest.raises(ValueError, match=message):
        prune_agents.make(name)


def test_a_module_that_is_not_found_is_said_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/of/the/script", *sys.path])
    for place in ("/of/the/script", str(tmp_path)):
        message = f"No module named 'fatigue'; looked for in {place}, and among what is installed$"
        with pytest.raises(ValueError, match=message):
            prune_agents.make("fatigue:Fatigue")
        sys.path.append(str(tmp_path))  # as the command does
    (tmp_path / "needs.py").write_text("import no_such_library", encoding="utf-8")
    with pytest.raises(ValueError, match=r"needs\.py, line 1: No module named 'no_such_library'$"):
        prune_agents.make("needs:Mine")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"b": 1},
            "unknown option of agent 'ucb' 'b'; allowed are keep_ratio, period, full_rounds, seed, "
            "alpha, c",
        ),
        ({"c": "large"}, "agent 'ucb' cannot be made so: c is 'large'; expected float"),
        ({"c": -1}, "c is -1; allowed is 0 or more"),
        ({"alpha": 0}, "alpha is 0; allowed is 0 < alpha <= 1"),
        ({"period": 2.0}, "period is 2.0; expected int"),
    ],
)
def test_bad_option(options, message):
    with pytest.raises(ValueError, match=message):
        prune_agents.make("ucb", **options)


def test_register_gives_a_name_once(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    prune_agents.register("foreign")(Foreign)
    assert "foreign" in prune_agents.names()
    assert prune_agents.describe("foreign") == "Somebody else's agent. It needs no base class."
    assert prune_agents.make("foreign", size=2).size == 2
    with pytest.raises(ValueError, match="'colour'; allowed are size"):
        prune_agents.make("foreign", colour="red")
    prune_agents.register("foreign")(Foreign)  # as when a notebook cell is run again
    with pytest.raises(ValueError, match="'ucb' is the name of prune_agents"):
        prune_agents.register("ucb")(Foreign)
    with pytest.raises(ValueError, match="no colon"):
        prune_agents.register("a:b")(Foreign)


def test_agents_of_installed_packages_are_found(monkeypatch):
    point = EntryPoint("theirs", "prune_agents.policies.ucb:UCB", "prune_agents")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert "theirs" in prune_agents.names()
    assert prune_agents.make("theirs", c=2) == UCB(c=2)


def test_importing_is_cheap():
    code = "import sys, prune_agents; print({'torch', 'stable_baselines3'} & {*sys.modules})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_every_policy_has_one_line_in_the_table_and_its_file_is_named_as_it_is():
    folder = Path(policies.__file__).parent
    bases = {
        "around_policy", "class_bandit", "early", "exp3", "full_feedback", "geometric",
        "loss_bandit", "loss_or_guess", "static", "stored_loss", "windowed",
    }  # fmt: skip
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    places = {name: place.split(".")[-1] for name, place in policies.POLICIES.items()}
    assert {place.split(":")[0] for place in places.values()} == files - bases
    shared = {"controls", "ucb", "grand"}
    for name, place in places.items():
        module, _, cls = place.partition(":")
        assert module == name or module in shared, name
        assert prune_agents.find(name).__name__ == cls
