"""Instance sets: what is drawn, that a seed decides it, and that bad files are named in a line."""

from collections import Counter
from pathlib import Path

import pytest
from prune_bench.training import instances
from prune_bench.training.instances import InstanceSet

SHIPPED = sorted((Path(instances.__file__).parent / "instance_sets").glob("*.yaml"))

TWO = """
- env: prune_env/Digits-v0
  share: 3
  epochs: [8, 10]
  keep_ratio: {from: 0.2, to: 0.4}
  env_kwargs: {num_validation: [100, 200]}
- env: prune_env/CIFAR10-v0
  data: cifar10
  limit: {from: 500, to: 600}
"""


DIGITS = "- env: prune_env/Digits-v0\n  "


@pytest.fixture
def read(tmp_path):
    def write(text, **options):
        path = tmp_path / "set.yaml"
        path.write_text(text, encoding="utf-8")
        return InstanceSet(path, **options)

    return write


def test_what_is_drawn_is_in_the_distributions(read):
    drawn = [read(TWO).draw(seed) for seed in range(150)]
    digits = [i.options for i in drawn if i.entry == 0]
    assert len(digits) / 150 == pytest.approx(0.75, abs=0.1)
    assert {o.env for o in digits} == {"prune_env/Digits-v0"}
    assert Counter(o.epochs for o in digits).keys() == {8, 10}
    ratios = [o.keep_ratio for o in digits]
    assert (min(ratios), max(ratios)) == (
        pytest.approx(0.2, abs=0.01),
        pytest.approx(0.4, abs=0.01),
    )
    assert {o.env_kwargs["num_validation"] for o in digits} == {100, 200}
    assert {o.seed for o in digits} <= set(range(150))
    others = [i for i in drawn if i.entry == 1]
    assert {i.data for i in others} == {"cifar10"}
    assert all(isinstance(i.options.limit, int) and 500 <= i.options.limit <= 600 for i in others)


def test_a_seed_decides_all_of_it(read):
    assert read(TWO).draw(5) == read(TWO).draw(5)
    assert read(TWO).draw(5) != read(TWO).draw(6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("env: prune_env/Digits-v0", "expected a list of distributions"),
        ("- epochs: 8", "entry 1: .*env among them"),
        (DIGITS + "epoch: 8", "unknown option of an instance 'epoch'"),
        (DIGITS + "seed: 8", "unknown option of an instance 'seed'"),
        (DIGITS + "epochs: [8, 0]", "epochs is 0; allowed is 1 or more"),
        (DIGITS + "epochs: []", "epochs is an empty list"),
        (DIGITS + "label_noise: {from: 0, to: 1.5}", "label_noise is 1.5"),
        (DIGITS + "epochs: {from: 9, to: 8}", "epochs is from 9 to 8"),
        (DIGITS + "share: 0", "share is 0; allowed is above 0"),
        ("- env: prune_env/CIFAR10-v0\n  data: /abs", "allowed is the name of a folder"),
        ("- env: prune_env/CIFAR10-v0\n  data: a/../../b", "allowed is the name of a folder"),
        (DIGITS + "network: mine:make", "would be imported: mine:make"),
        (DIGITS + "network: [mlp, [small, mine:make]]", "would be imported: mine:make"),
        (DIGITS + "recipe: {loss: [cross_entropy, mine:loss]}", "would be imported: mine:loss"),
        (DIGITS + "recipe: [{}, {loss: mine:loss}]", "would be imported: mine:loss"),
        (DIGITS + "env_kwargs: {reward: [kept_loss, mine:r]}", "would be imported: mine:r"),
        (DIGITS + "env_kwargs: {num_validation: []}", "env_kwargs: num_validation is an empty"),
    ],
)
def test_a_bad_file_is_named_in_one_line(read, text, message):
    with pytest.raises(ValueError, match=message) as error:
        read(text)
    assert "\n" not in str(error.value)


def test_code_may_be_named_by_who_is_trusted(read):
    text = "- env: prune_env/Digits-v0\n  network: mine:make"
    assert read(text, trust=True).draw(0).options.network == "mine:make"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_sets_can_be_drawn_from(path):
    shipped = InstanceSet(path)
    assert {shipped.draw(seed).entry for seed in range(100)} == set(range(len(shipped.entries)))
