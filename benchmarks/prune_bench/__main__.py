"""`python -m prune_bench`: the command prune-env, as torchrun starts it."""

from prune_bench.commands.main import main

main()
