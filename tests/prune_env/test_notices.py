"""What a library tells goes through `logging` and is seen once."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from prune_env import notices
from prune_env.files import read_json, write_json


@pytest.fixture
def root():
    """The root logger; a test begins by `handlers = []`, as a program that has set up nothing."""
    root = logging.getLogger()
    before = root.handlers
    yield root
    root.handlers = before
    root.setLevel(logging.WARNING)


def test_what_is_told_is_on_the_screen_once(root, capsys):
    root.handlers = []
    for _ in range(2):  # a second look at the logger adds no second handler
        logger = notices.told_on_screen("prune_env.told_in_a_test")
    logging.basicConfig(level=logging.DEBUG)
    logger.info("30.0%% of %s", "them")
    logger.debug("unseen")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("30.0% of them\n", "")


def test_a_user_may_have_it_in_a_log_instead(root, caplog, capsys):
    logger = notices.told_on_screen("prune_env.told_elsewhere")
    logger.handlers, logger.propagate = [], True
    root.handlers = [caplog.handler]
    logger.info("saved")
    assert caplog.messages == ["saved"]
    assert capsys.readouterr().out == ""


def test_the_log_names_the_files(root, caplog, tmp_path):
    root.handlers = [caplog.handler]
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    assert caplog.messages == []  # nobody has asked
    with caplog.at_level(logging.DEBUG, "prune_env.files"):
        write_json(path, {"a": 1})
        read_json(path)
    assert caplog.messages == [f"wrote {path}", f"reading {path}"]


@pytest.mark.parametrize(
    ("level", "number"), [("debug", logging.DEBUG), ("WARNING", logging.WARNING)]
)
def test_a_variable_sets_the_level(root, monkeypatch, level, number):
    root.handlers = []
    monkeypatch.setenv("PRUNE_ENV_LOG", level)
    notices.log_to_stderr()
    assert root.level == number
    assert len(root.handlers) == 1


def test_another_level_is_refused(root, monkeypatch):
    root.handlers = []
    monkeypatch.setenv("PRUNE_ENV_LOG", "debgu")
    with pytest.raises(ValueError, match=r"in PRUNE_ENV_LOG 'debgu' \(did you mean debug\?\)"):
        notices.log_to_stderr()
    assert root.handlers == []


def test_a_notice_names_the_line_of_the_program(tmp_path):
    """And neither one of ours nor of a package that calls us, here Gymnasium."""
    script = tmp_path / "mine.py"
    made = 'env = gymnasium.make("prune_env/Digits-v0", limit=60)'
    script.write_text(f"import gymnasium\nimport prune_env\n\n{made}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True
    )
    first, source, *_ = done.stderr.splitlines()
    assert first.startswith(f"{script}:4: DataNotice: limit=60 cuts the test split of digits too")
    assert source.strip() == made
