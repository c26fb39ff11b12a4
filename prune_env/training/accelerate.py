"""Accelerate: a loader that goes to its device and is not dealt out a second time.

```python
accelerator = Accelerator()
accelerator.register_for_checkpointing(pruned)  # save_state and load_state have it
loader = prepare(DataLoader(pruned.dataset, batch_sampler=pruned.batch_sampler(32)), accelerator)
model, optimizer = accelerator.prepare(model, optimizer)
scheduler = accelerator.prepare(pruned.scheduler(optimizer, lambda progress: 1 - progress))
```
"""

from __future__ import annotations

from accelerate import Accelerator
from accelerate.data_loader import prepare_data_loader
from torch.utils.data import DataLoader

from prune_env.checks import check_argument


def prepare(loader: DataLoader, accelerator: Accelerator) -> DataLoader:
    """What `accelerator.prepare` makes of a loader, for one that draws from a `Pruned`.

    That deals batches to the ranks itself. `accelerator.prepare` would deal them again, so that
    most were never trained on, and repeat the first samples to fill up the last round.

    Raises:
        ValueError: these are no loader and accelerator.
    """
    check_argument("loader", loader, DataLoader)
    check_argument("accelerator", accelerator, Accelerator)
    return prepare_data_loader(
        loader, accelerator.device, num_processes=1, process_index=0, put_on_device=True
    )
