#!/usr/bin/env bash
# A fast part of the tests with other versions, each in an environment of its own that has the wheel:
#
#     tests/versions.sh 3.12 3.13 lowest
#
# A number is a Python, with the newest of everything; `lowest` is Python 3.11 with tests/lowest.txt. What
# this machine has no interpreter for, or cannot download, is skipped and said in a line; MUST=1 fails then.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
part=(
    tests/prune_env/core tests/prune_env/wrappers tests/prune_env/test_{env,entry_points,files}.py
    tests/prune_env/training/test_pruned.py tests/prune_agents/test_{agent,every_agent}.py
    tests/prune_bench/run/test_{result,old_boards}.py tests/prune_bench/commands/test_main.py
    tests/prune_bench/report/test_charts.py tests/test_examples.py
)
export OMP_NUM_THREADS=1 PRUNE_ENV_DATA=none  # CIFAR-10 would need pyarrow, and time

interpreter() { # of a version like 3.12: on the path, or one of pyenv's
    for python in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python; do
        "$python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null &&
            echo "$python" && return
    done
    true
}

has_uv() { # which downloads in parallel, and shares files between environments
    uv=$(command -v uv) || uv=$venv/bin/uv
    [ -x "$venv/bin/python" ] || ${PYTHON:-python3} -m venv "$venv"
    [ -x "$uv" ] || timeout 600 "$venv/bin/pip" install --quiet uv
}

skip() {
    echo "test-versions: skipped $1"
    [ -z "${MUST:-}" ]
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
for version in "$@"; do
    lowest=()
    [ "$version" = lowest ] && lowest=(--constraints tests/lowest.txt)
    python=$(interpreter "${version/lowest/3.11}")
    if [ -z "$python" ]; then
        skip "$version: no python${version/lowest/3.11} on this machine"
        continue
    fi
    if ! has_uv; then
        skip "$version: uv could not be downloaded"
        continue
    fi
    at=$venv-$version
    if ! { "$uv" venv --quiet --clear --python "$python" "$at" &&
        timeout 1200 "$uv" pip install --quiet --python "$at" "${lowest[@]}" ".[plots,report,test]"; } >"$log" 2>&1; then
        cat "$log"
        grep -qE "Failed to (fetch|download)|error sending request|No space left" "$log" ||
            [ ! -s "$log" ] || exit 1  # an empty one: the time was over
        skip "$version: its packages could not be downloaded"
        continue
    fi
    "$at/bin/python" -c "import importlib.metadata as have, platform
names = ('torch', 'numpy', 'gymnasium', 'stable-baselines3', 'scipy')
print('test-versions: Python', platform.python_version(), *(f'{n} {have.version(n)}' for n in names))"
    # not `python -m pytest`: that would import the sources, not the wheel
    "$at/bin/pytest" -q -n 2 --dist loadgroup -m "not slow" "${part[@]}"
done
