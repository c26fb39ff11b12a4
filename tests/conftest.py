"""What all tests share: the real CIFAR-10, a cache of their own, and why some were skipped."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import gpu_report
import hypothesis
import pytest
import tally
import torch

hypothesis.settings.register_profile(
    "default",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=20,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.register_profile(
    "faults",
    hypothesis.settings.get_profile("default"),
    derandomize=False,
    print_blob=True,
    max_examples=int(os.environ.get("PRUNE_ENV_EXAMPLES", "400")),
)
hypothesis.settings.load_profile("default")

SHARED_CIFAR10 = Path(__file__).resolve().parents[1] / "../shared/data/cifar10"


@pytest.fixture(autouse=True, scope="session")
def decoded_once(tmp_path_factory: pytest.TempPathFactory):
    """One cache for the session, so that CIFAR-10 is decoded once; also under pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNE_ENV_CACHE", str(base / "prune_env_cache"))
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the process.

    Only `-m gpu` may see a GPU: to all other tests, and the processes that they start, "auto" is
    the CPU, on which their numbers are. And tests send Ctrl-C; whoever begins them in the
    background may have it ignored, for ever.
    """
    if config.option.markexpr == "faults":
        hypothesis.settings.load_profile("faults")
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what only a GPU can show where none is seen."""
    unseen = pytest.mark.skip(reason="a GPU, and `make test-gpu`")
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(unseen)


@pytest.fixture(autouse=True)
def as_many_threads_as_before():
    """A test that sets PyTorch's threads, as runs do, changes no bits of the tests after it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cifar10_path() -> Path:
    """The folder of the real CIFAR-10: $PRUNE_ENV_DATA, else the one beside the repository."""
    path = Path(os.environ.get("PRUNE_ENV_DATA") or SHARED_CIFAR10)
    if not path.is_dir():
        pytest.skip("no real CIFAR-10; PRUNE_ENV_DATA names its folder")
    return path


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the report of a GPU, and say why tests were skipped."""
    if config.option.markexpr == "gpu":
        gpu_report.write(terminalreporter.stats)
        terminalreporter.write_line(f"written: {gpu_report.FILE}, to send back (docs/gpu.md)")
    if config.option.markexpr == "faults":
        for what, times in sorted(tally.DONE.items()):
            terminalreporter.write_line(f"{times:8,}  {what}")
    _say_skipped(terminalreporter)


def _say_skipped(terminalreporter: Any) -> None:
    """Say for each reason how many tests were skipped: each needs what is not on every machine."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.write_line("skipped, because they need what is not on this machine:")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5}  {reason}")
