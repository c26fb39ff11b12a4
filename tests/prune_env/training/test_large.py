"""Ten million arms of a memory-mapped file, in at most 2 GB."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import re, sys
import numpy as np, torch
import prune_agents
from torch.utils.data import DataLoader
from prune_env.training import Pruned

class Rows:
    def __init__(self, path):
        self.rows = np.load(path, mmap_mode="r")
    def __len__(self):
        return len(self.rows)
    def __getitem__(self, i):
        return torch.from_numpy(self.rows[i].copy()), int(i) % 3

agent = prune_agents.make("ucb", keep_ratio=0.05)
pruned = Pruned(Rows(sys.argv[1]), agent, epochs=3, num_classes=3, quiet=True)
model = torch.nn.Linear(2, 3)
loader = DataLoader(pruned.dataset, batch_size=8192, sampler=pruned.sampler)
seen = 0
for _ in range(2):
    for inputs, labels, arms in loader:
        assert (inputs[:, 0].long() == arms).all()
        pruned.loss(model(inputs / 1e7), labels, arms)
        seen += len(arms)
state = pruned.state_dict()
pruned.load_state_dict(state)
print(seen, pruned.epoch, len(pruned.sampler), int(pruned.columns()["pulls"].max()))
# ru_maxrss would be the peak of the process that started this one, where that is higher
print(int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) / 1e6)
"""


@pytest.mark.slow
def test_ten_million_rows_of_a_mapped_file(tmp_path):
    rows = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", np.float32, (10_000_000, 2))
    rows[:, 0] = np.arange(len(rows))
    rows.flush()
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "rows.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counts, gigabytes = done.stdout.splitlines()
    assert counts.split() == ["1000000", "2", "500000", "1"]
    assert float(gigabytes) < 2
    print(f"{float(gigabytes):.2f} GB")


def test_the_compiler_is_imported_by_nobody_but_who_compiles():
    """It takes seconds and 150 MB."""
    code = "import sys, prune_env.training; print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
