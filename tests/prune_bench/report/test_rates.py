"""The table of learning rates."""

from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.report.rates import rates

from prune_env.files import write_json


def test_the_best_rate_of_an_agent_is_that_of_the_highest_mean_of_validation(tmp_path, make_result):
    ends = {
        ("ucb", 0.1): (0.5, 0.8),
        ("ucb", None): (0.7, 0.7, 0.9),  # the last seed has no other rate
        ("full_short", 0.1): (0.6, 0.6),
    }
    for rate in (0.1, None):
        grid = Grid(
            env=("prune_env/Digits-v0",),
            agents=("ucb",),
            keep_ratios=(0.3,),
            controls=("full_short",),
            seeds=3,
            epochs=4,
            network="cpu90",
            recipe={} if rate is None else {"peak_lr": rate},
        )
        board = Board(tmp_path / str(rate))
        board.add(grid)
        for name, run in board.runs().items():
            of_seed = ends.get((run.agent, rate), ())
            if run.seed < len(of_seed):
                val = {"last": of_seed[run.seed], "best": 0.99}
                more = {"val_accuracy": val, "trained": {"precision": "bf16"}}
                result = make_result(run) | more
                write_json(board.result_path(name), result)
                if run.agent == "ucb":  # a GPU made the same, half a point better
                    result["place"]["device"] = "cuda:0"
                    val["last"] += 0.005
                    write_json(tmp_path / f"{rate} gpu" / "runs" / f"{name}.json", result)
                    result["options"]["label_noise"] = 0.2  # and so did wrong labels
                    write_json(tmp_path / f"{rate} wrong" / "runs" / f"{name}.json", result)
    folders = [tmp_path / f"{rate}{on}" for on in ("", " gpu", " wrong") for rate in (0.1, None)]
    assert rates(*folders).splitlines() == [
        "| data | epochs | in | keep | agent | runs each | 0.1 | 0.12 |",
        "|---|---|---|---|---|---|---|---|",
        "| Digits | 4 | bf16 | 30 % | `ucb` | 2 | 65.0 | **70.0** |",
        "| Digits | 4 | bf16, GPU | 30 % | `ucb` | 2 | 65.5 | **70.5** |",
        "| Digits, 20 % wrong | 4 | bf16, GPU | 30 % | `ucb` | 2 | 65.5 | **70.5** |",
    ]
