# shellcheck shell=bash
# Sourced by the scripts beside it, in the project's root: the virtual environment and the data.

venv=.venv # what is made and used; another, where a script sets it afterwards

say() { printf 'fashion-gan: %s\n' "$*" >&2; }

# Prints a Python that the project runs on. PYTHON chooses one.
find_python() {
  local candidate candidates=(python3 python3.13 python3.12 python3.11)
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
      2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  say "Python 3.11, 3.12 or 3.13 is needed; name one: PYTHON=/path/to/python $0"
  return 64
}

# Makes $venv as the lock file says; does nothing where that has been done.
make_environment() {
  local lock=$1 python
  if ! "$venv/bin/fashion-gan" --help >/dev/null 2>&1; then
    rm -f "$venv/installed.lock" # new, unfinished, moved, or its Python is gone
  fi
  # The tests' environment holds all that training needs.
  if cmp -s "$lock" "$venv/installed.lock" ||
    cmp -s requirements-dev.lock "$venv/installed.lock"; then
    return
  fi
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    python=$(find_python) || return
    say "creating $venv with $("$python" --version)"
    if ! "$python" -m venv "$venv"; then
      rm -rf "$venv"
      say "creating $venv failed; if venv is missing, on Debian and Ubuntu:" \
        "apt-get install $("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"
      return 64
    fi
  fi
  say "installing the pinned dependencies of $lock, which takes a few minutes"
  # Python compiles what is imported; pip would compile all of it, for a minute. Where Python is
  # told not to write, each start would take ten seconds, for ever.
  local compiling=--no-compile
  [ -z "${PYTHONDONTWRITEBYTECODE-}" ] || compiling=--compile
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$compiling" \
    --require-hashes -r "$lock" || return
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation --editable . || return
  cp "$lock" "$venv/installed.lock"
}

debian_files=.cache/dataset-fashion-mnist/usr/share/datasets/fashion-mnist

# Takes Fashion-MNIST's files out of Debian's package, without root.
fetch_debian_files() {
  [ ! -d "$debian_files" ] || return 0
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 64
  say "fetching Fashion-MNIST from Debian's package dataset-fashion-mnist instead"
  mkdir -p .cache/dataset-fashion-mnist
  (
    cd .cache/dataset-fashion-mnist || exit 64
    rm -f ./*.deb
    apt-get download -qq dataset-fashion-mnist && dpkg -x ./*.deb unpacked || exit 64
    rm -rf usr ./*.deb && mv unpacked/usr . && rm -rf unpacked
  )
}

# Prepares a data set with the given flags of prepare_data, by one more way than the trainer's
# where the data set cannot be reached; what is wrong with data that are there stays refused.
prepare_data() {
  local log status
  mkdir -p .cache
  log=$(mktemp .cache/prepare.XXXXXX)
  # Not kept to the end: a download takes minutes.
  { "$venv/bin/fashion-gan" prepare_data "$@" 2>&1 >/dev/null | tee "$log" >&2; } &&
    status=0 || status=$?
  if [ "$status" -eq 64 ] && grep -q "Three ways out" "$log"; then
    fetch_debian_files && status=0 || status=64
    [ "$status" -ne 0 ] ||
      "$venv/bin/fashion-gan" prepare_data "$@" --source="$debian_files" >/dev/null || status=$?
  fi
  rm -f "$log"
  return "$status"
}
