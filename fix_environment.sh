#!/usr/bin/env bash
# Finds or makes the Python environment of this project, says what it will change and why, changes it, checks it.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: ./fix_environment.sh [--extras NAME[,NAME]] [--check] [--print-python] [--help]

Brings up a Python environment in which autofix_nb runs, and repairs a broken one. It says first what it will
change and why. Running it again is safe: what is in order is left alone.

  --extras NAMES    also install these optional parts of pyproject.toml, such as `test` or `drive,lightning`
  --check           change nothing; exit with 1 if something would be changed
  --print-python    write everything but the path of the environment's Python to the error output
  --help            show this text

Which environment: on Colab and Kaggle the Python that runs the notebook; else the active virtual environment;
else the active conda environment, unless it is `base`, which conda itself lives in; else `.venv` in this folder,
made from Python 3.11 if there is one, or from a newer one.

On Colab and Kaggle the notebook's own packages (ipykernel, ipython, ipywidgets, ...) are never touched, and a
torch and a NumPy that work with each other stay as they are.
TEXT
}

say() { printf '%s\n' "$*" >&3; }
fail() {
    printf 'fix_environment.sh: %s\n' "$*" >&2
    exit 1
}

extras="" check_only=false print_python=false
while (($#)); do
    case "$1" in
        --extras)
            (($# >= 2)) || fail "\`--extras\` needs a name after it, such as \`--extras test\`"
            extras="$2"
            shift
            ;;
        --extras=*) extras="${1#--extras=}" ;;
        --check) check_only=true ;;
        --print-python) print_python=true ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) fail "\`$1\` is no option of this script; \`--help\` lists them" ;;
    esac
    shift
done
if "$print_python"; then exec 3>&2; else exec 3>&1; fi

cd "$(dirname "${BASH_SOURCE[0]}")"

# A name on PATH proves little: a version manager's stand-ins are there and do not run, and some systems leave out
# the parts that make an environment.
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_make_environment() { is_new_enough "$1" && "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

python_of() {
    local candidate
    for candidate in "$1/bin/python" "$1/Scripts/python.exe" "$1/python.exe"; do
        if [[ -x "$candidate" ]]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    printf '%s\n' "$1/bin/python"
}

on_notebook_host=false
if [[ -n "${KAGGLE_KERNEL_RUN_TYPE:-}" || -n "${COLAB_RELEASE_TAG:-}" ]]; then on_notebook_host=true; fi

python="" where="" make_from=""
if "$on_notebook_host"; then
    python="$(command -v python3 || true)"
    where="the Python that runs the notebook"
elif [[ -n "${VIRTUAL_ENV:-}" ]]; then
    python="$(python_of "$VIRTUAL_ENV")"
    where="the active virtual environment"
elif [[ -n "${CONDA_PREFIX:-}" && "${CONDA_DEFAULT_ENV:-}" != "base" ]]; then
    python="$(python_of "$CONDA_PREFIX")"
    where="the active conda environment"
else
    python="$(python_of "$PWD/.venv")"
    where="this project's own environment"
    if ! is_new_enough "$python"; then
        for candidate in python3.11 python3.12 python3.13 python3.14 python3 python; do
            if can_make_environment "$candidate"; then
                make_from="$(command -v "$candidate")"
                break
            fi
        done
        [[ -n "$make_from" ]] || fail "no Python from 3.11 on that can make an environment was found (tried" \
            "python3.11 to python3.14, python3, python). Install one (on Debian and Ubuntu also its package" \
            "python3-venv), or use conda: conda env create -f environment.yml && conda activate autofix_nb"
    fi
fi

if [[ -n "$make_from" ]]; then
    version="$("$make_from" -c 'import platform; print(platform.python_version())')"
    if [[ -e .venv ]]; then
        say "Will change: .venv is made anew with Python $version, as the Python in it does not run or is too old."
    else
        say "Will change: .venv is made with Python $version, as no environment is active."
    fi
    say "Will change: autofix_nb and what it needs are installed into it (several GB, mostly torch)."
    if "$check_only"; then exit 1; fi
    "$make_from" -m venv --clear .venv >&3
    python="$(python_of "$PWD/.venv")"
fi
is_new_enough "$python" || fail "\`$python\` ($where) does not run or is older than Python 3.11, which is" \
    "needed. Deactivate that environment to let this script make \`.venv\`, or activate another one"
say "Environment: $python ($where)"

if ! "$python" -m pip --version >/dev/null 2>&1; then
    say "Will change: pip is installed, as this environment has none that runs."
    if "$check_only"; then exit 1; fi
    "$python" -m ensurepip --upgrade >&3
fi

kept="$(mktemp)" output="$(mktemp)"
trap 'rm -f "$kept" "$output"' EXIT

# Each round looks again, as one repair can bring the next fault to light.
plan="" changed=false start=autofix_nb/environment/__main__.py
for round in 1 2 3 4 5; do
    options=(--extras "$extras")
    if ! "$check_only"; then options+=(--remember); fi
    plan="$("$python" -P "$start" plan "${options[@]}")" || fail "looking at \`$python\` failed"
    whys=() problems=() summary=()
    : >"$kept"
    while IFS=$'\t' read -r kind rest; do
        case "$kind" in
            change) whys+=("$rest") ;;
            problem) problems+=("$rest") ;;
            summary) summary+=("$rest") ;;
            keep) printf '%s\n' "$rest" >>"$kept" ;;
        esac
    done <<<"$plan"
    if ((${#problems[@]})); then
        for problem in "${problems[@]}"; do say "Problem: $problem"; done
        if "$on_notebook_host"; then
            fail "this cannot be repaired under a running notebook. Start a fresh session (Colab: Runtime >" \
                "Disconnect and delete runtime), which brings the packages as they were, and run this script again"
        fi
        fail "the environment \`$python\` is not in order, and this script has no repair for it. If the project's" \
            "own code is named, the fault is there; else make a fresh environment: delete \`.venv\`, or activate" \
            "another one, and run this script again"
    fi
    if ((${#whys[@]} == 0)); then break; fi
    for why in "${whys[@]}"; do say "Will change: $why"; done
    if "$check_only"; then exit 1; fi
    if ((round == 5)); then
        fail "still not in order after $((round - 1)) rounds of repairs. Make a fresh environment: deactivate this" \
            "one, or delete \`.venv\`, and run this script again"
    fi
    if ! "$changed"; then
        say "pip is quiet while it works: 2 to 4 minutes if torch is fetched, less if not."
    fi
    changed=true
    while IFS=$'\t' read -r -a row; do
        if [[ "${row[0]:-}" != pip ]]; then continue; fi
        arguments=("${row[@]:1}")
        if [[ -s "$kept" ]]; then arguments+=(--constraint "$kept"); fi
        say "Running: pip ${arguments[*]}"
        # Making an environment would fill hundreds of lines; what pip says is of use when it fails.
        "$python" -m pip install --quiet --progress-bar off "${arguments[@]:1}" >"$output" 2>&1 </dev/null || {
            tail -n 40 "$output" >&2
            fail "pip could not do this; the reason stands above. Nothing else was changed after it"
        }
    done <<<"$plan"
done

if "$changed"; then
    say "Checked: everything imports, and a tensor went from torch to NumPy and back."
    if "$on_notebook_host"; then
        say "Restart the notebook's session now: a running one still holds what was loaded before."
    elif [[ -n "$make_from" ]]; then
        say "To work in it: source .venv/bin/activate"
    fi
else
    say "Nothing to change."
fi
if ((${#summary[@]})); then printf '%s\n' "${summary[@]}" >&3; fi
if "$print_python"; then printf '%s\n' "$python"; fi
