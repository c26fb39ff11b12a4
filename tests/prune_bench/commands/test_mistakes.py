"""What is typed otherwise than it is meant: one line, and it says how it is typed."""

from __future__ import annotations

import pytest
from prune_bench.commands.main import main, parse_command

BLANKS = "; several are separated by blanks"


def refused(capsys, *words):
    """What the command says, which is one line."""
    with pytest.raises(SystemExit) as end:
        main([*words])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said.rstrip("\n")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        "run --recipe batch_size=8,peak_lr=0.1",
        "run --agent-options c=2,alpha=0.9",
        "board --keep-ratios 0.3,0.5",
        "board --keep-ratios=0.3,0.5 0.7",
        "board --agents ucb,rs2",
    ],
)
def test_values_with_commas_are_answered_with_blanks(capsys, words):
    assert refused(capsys, *words.split()).endswith(BLANKS)


@pytest.mark.parametrize(
    "words",
    [
        "run --agent ucb,rs2",  # one only
        "run --recipe peak_lr=high",
        "board --agents ucb:c=1,z=2",  # options of an agent have commas
    ],
)
def test_blanks_are_said_where_they_help(capsys, words):
    assert BLANKS not in refused(capsys, *words.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("board --agents ucb --seeds 0 1 2", "--seeds is how many, such as 3; nothing takes '1',"),
        ("run --epochs=10 20", "--epochs is how many, such as 3; nothing takes '20'; "),
        ("run --data my photos", "--data takes one value, and nothing takes 'photos'; one with b"),
        ("run --save=my net.pt", "--save takes one value, and nothing takes 'net.pt'; one with b"),
        ("run --seed 1 2", "nothing takes '2'; options come with their names, as in --agent ucb;"),
        ("board a b", "nothing takes 'a', 'b'; options come with their names, as in --agents ucb"),
    ],
)
def test_words_too_many_may_belong_to_what_is_before_them(capsys, words, said):
    assert refused(capsys, *words.split()).startswith(f"prune-env: {said}")


@pytest.mark.parametrize("flag", ["--agents", "--keep-ratios", "--env-kwargs"])
def test_an_option_of_several_values_is_there_once(capsys, flag):
    """Else the first ones would be left out without a word."""
    said = refused(capsys, "board", flag, "0.3", flag, "0.5")
    assert said.startswith(f"prune-env: {flag} is there twice; its values follow one {flag}")


@pytest.mark.parametrize(
    ("words", "has_hint"),
    [
        ("board --agent ucb", False),  # not the recipe's augment
        ("board --batch-size 8", True),
        ("run --label-smoothing 0.1", True),
    ],
)
def test_a_recipe_is_named_where_an_option_of_it_is_likelier_meant(capsys, words, has_hint):
    assert ("a recipe has" in refused(capsys, *words.split())) == has_hint


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Synthetic-v0 --network mlp", "trains no network; leave out --network"),
        ("Replay-v0 --recipe peak_lr=1", "trains no network; leave out --recipe"),
        ("Synthetic-v0 --data x", "reads no data; leave out --data"),
        ("Probe-v0 --image-size 8", "takes no such option; leave out --image-size"),
        ("Synthetic-v0 --env-kwargs rates=1", "cannot be made so: got an unexpected keyword"),
    ],
)
def test_an_option_that_an_environment_has_not_is_named_as_it_is_typed(capsys, words, said):
    env, *_ = words.split()
    told = refused(capsys, "run", "--env", *f"prune_env/{words}".split())
    assert told.startswith(f"prune-env: prune_env/{env} {said}")


@pytest.mark.parametrize("name", ["Digits", "digits", "Digits-v0", "prune_env/Digits-v0"])
def test_an_environment_is_shown_by_any_of_its_names(capsys, name):
    main(["envs", name])
    ids = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[0] == "p"]
    assert ids == [f"prune_env/Digits{kind}-v0" for kind in ("", "-Scores", "-Rules")]
    main(["envs", "Digits-Scores-v0"])
    assert capsys.readouterr().out.startswith("prune_env/Digits-Scores-v0  prune_env/Digits-v0 for")
    assert "'Digit' (did you mean prune_env/Digits-v0?)" in refused(capsys, "envs", "Digit")


def test_whole_numbers_are_written_as_in_presets():
    assert parse_command(["train", "--timesteps", "1e3"]).train.timesteps == 1000
    assert parse_command(["run", "--seed", "2.0", "--evaluate-every", "1e1"]).run.seed == 2
    assert parse_command(["run", "--evaluate-every", "auto"]).run.evaluate_every == "auto"


@pytest.mark.parametrize("value", ["1.5", "inf", "nan", "1e"])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=f"--timesteps is '{value}'; expected int or None"):
        parse_command(["train", "--timesteps", value])


def test_a_model_s_folder_is_no_policy_to_explain(capsys, tmp_path):
    said = refused(capsys, "agents", str(tmp_path))
    assert "folder is no policy; `prune-env run --agent`" in said
