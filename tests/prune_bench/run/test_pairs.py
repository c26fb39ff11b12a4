"""How values are typed: as JSON, as Python writes them, or as a list or mapping of YAML."""

import pytest
from prune_bench.run.pairs import parse_pairs


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("0.5", 0.5),
        (".5", 0.5),
        ("True", True),
        ("null", None),
        ("relu", "relu"),
        ('{"net_arch": [32]}', {"net_arch": [32]}),
        (
            "{net_arch: [32], activation_fn: elu}",
            {"net_arch": [32], "activation_fn": "elu"},
        ),
        ("[a, b]", ["a", "b"]),
        ("[abc]*.png", "[abc]*.png"),
        ("[2024-01-01]", "[2024-01-01]"),  # which JSON cannot say
        ("{a: &x [*x]}", "{a: &x [*x]}"),
        ("{a", "{a"),
    ],
)
def test_what_a_value_is_by_how_it_is_typed(typed, value):
    assert parse_pairs([f"x={typed}"]) == {"x": value}
