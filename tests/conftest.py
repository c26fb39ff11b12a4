"""What all tests share: where the real CIFAR-10 is, and a cache that is not the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
def cifar10_path() -> Path:
    """The folder of the real CIFAR-10: $PRUNE_ENV_DATA, else the one beside the repository."""
    path = Path(os.environ.get("PRUNE_ENV_DATA") or SHARED_CIFAR10)
    if not path.is_dir():
        pytest.skip(f"the real CIFAR-10 is not here: {path} (set PRUNE_ENV_DATA)")
    return path
