"""What the README shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_python_of_the_readme_runs(capsys):
    namespace: dict = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(block.replace("model.learn(8_000)", "model.learn(80)"), namespace)
    agent = namespace["OldestFirst"](keep_ratio=0.5)
    observation, _ = namespace["env"].reset(seed=0)
    action, _ = agent.predict(observation)
    assert action.sum() == round(0.5 * len(action))
    assert capsys.readouterr().out.splitlines()[0].startswith("1 388 ")


def test_every_file_that_the_readme_names_is_there():
    root = Path(__file__).parents[1]
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
    assert len(targets) > 5
    assert [target for target in targets if not (root / target).exists()] == []
