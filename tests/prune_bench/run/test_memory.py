"""Memory that is freed is kept for the next batch."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
import torch
from prune_bench.run.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def batches(count):
    for _ in range(count):
        torch.ones(5 * 2**20).add(1)
batches(3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
batches(20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


# Left alone, glibc moves its threshold by what is freed, and whether it keeps a block is luck.
GIVES_BACK = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc, whose malloc is told")
def test_a_batch_gets_the_pages_of_the_one_before():
    faults = {
        how: int(
            subprocess.check_output([sys.executable, "-c", CODE, how], text=True, env=GIVES_BACK)
        )
        for how in ("keep", "not")
    }
    assert faults["keep"] < faults["not"] / 5  # a few blocks lie where none was yet
