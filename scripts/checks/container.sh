#!/usr/bin/env bash
# Builds the image and runs it as a cluster does: not root, nothing writable but what is mounted,
# no capabilities, no network. Where no registry can be reached, Debian is the base.
#
# Needs root and podman or docker; `apt-get install podman runc debootstrap` is enough.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/setup/environment.sh

image=localhost/fashion-gan:check
debian_base=localhost/fashion-gan-base:bookworm
steps=20
patience_seconds=300

fail() {
  say "the container: $*"
  exit 1
}

cannot() {
  say "the container cannot be checked here: $*"
  exit 64
}

# Sets `engine`, with how it builds and runs where nothing is set up for containers.
find_engine() {
  build=(build --network=host)
  run=(run --rm --network=none --read-only --cap-drop=all --security-opt=no-new-privileges
    --tmpfs=/tmp)
  if command -v podman >/dev/null; then
    engine=(podman)
    ! command -v runc >/dev/null || engine+=(--runtime=runc)
    build+=(--isolation=chroot --layers=false) # a layer for each instruction costs minutes
    run+=(--read-only-tmpfs=false --ulimit=nofile=1024:1024 --ulimit=nproc=4096:4096)
    if [ -n "${PIP_CERT:-}" ]; then
      build+=("--build-arg=PIP_CERT=$PIP_CERT" "--volume=${PIP_CERT%/*}:${PIP_CERT%/*}:ro")
    fi
  elif docker info >/dev/null 2>&1; then
    engine=(docker)
  else
    cannot "neither podman nor a running docker was found"
  fi
}

# Has the Dockerfile's own base, or names one made of Debian's packages in its place.
find_base() {
  local base folder
  base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
  if "${engine[@]}" image inspect "$base" >/dev/null 2>&1 ||
    timeout 120 "${engine[@]}" pull --quiet "$base" >/dev/null 2>&1; then
    return
  fi
  build+=("--build-arg=BASE=$debian_base")
  ! "${engine[@]}" image inspect "$debian_base" >/dev/null 2>&1 || return 0
  command -v debootstrap >/dev/null || cannot "$base cannot be pulled, and debootstrap is missing"
  say "$base cannot be pulled: making a base from Debian's packages"
  folder=$work/base
  debootstrap --variant=minbase --include=python3,python3-pip bookworm "$folder" \
    >"$work/debootstrap.log" || cannot "$(tail -1 "$work/debootstrap.log")"
  tar --directory="$folder" --create . |
    "${engine[@]}" import - "$debian_base" >"$work/import.log" 2>&1 ||
    cannot "$(tail -1 "$work/import.log")"
  rm -rf "$folder"
}

# Trains in the background; its exit status is that of `wait`.
start_training() {
  "${engine[@]}" "${run[@]}" --name="$container" --volume="$work/data:/data:ro" \
    --volume="$work/runs:/runs" "$image" train --job_dir=/runs/check --data_dir=/data \
    --preset=dcgan --batch_size=64 --steps="$steps" --steps_per_loop=1 2>"$1" &
  training=$!
}

# Waits until the training's log, the first argument, says the second.
wait_for_line() {
  local waited=0
  until grep --quiet "$2" "$1"; do
    kill -0 "$training" 2>/dev/null || fail "ended without saying '$2': $(cat "$1")"
    [ "$((waited += 1))" -lt $((patience_seconds * 10)) ] || fail "never said '$2': $(cat "$1")"
    sleep 0.1
  done
}

# Fails unless the training ends with the given status.
expect_status() {
  local status=0
  wait "$training" || status=$?
  [ "$status" -eq "$1" ] || fail "exit code $status instead of $1: $(cat "$2")"
}

leave() {
  "${engine[@]}" rm --force "$container" >/dev/null 2>&1 || true
  "${engine[@]}" image rm --force "$image" >/dev/null 2>&1 || true
  rm -rf --one-file-system "$work" # debootstrap, interrupted, leaves mounts
}

[ "$(id -u)" -eq 0 ] || cannot "this needs root"
find_engine
fetch_debian_files || cannot "the files of Debian's package dataset-fashion-mnist are missing"
work=$(mktemp -d)
container=fashion-gan-check-$$
trap leave EXIT
mkdir "$work/data" "$work/runs"
chown 10001:10001 "$work/data" "$work/runs"

find_base
say "building the image"
started=$SECONDS
"${engine[@]}" "${build[@]}" --tag="$image" . >"$work/build.log" 2>&1 ||
  fail "the build failed: $(tail -20 "$work/build.log")"
build_seconds=$((SECONDS - started))
bytes=$("${engine[@]}" image inspect --format='{{.Size}}' "$image")

say "checking --help, TensorBoard and a refusal"
"${engine[@]}" "${run[@]}" "$image" --help >"$work/help"
grep --quiet "^commands:" "$work/help" || fail "--help does not say how it is used"
"${engine[@]}" "${run[@]}" --entrypoint=tensorboard "$image" --version >/dev/null 2>&1 ||
  fail "TensorBoard does not start"
status=0
"${engine[@]}" "${run[@]}" "$image" train --bach_size=8 2>/dev/null || status=$?
[ "$status" -eq 64 ] || fail "a wrong flag ends with $status instead of 64"
"${engine[@]}" "${run[@]}" --interactive --entrypoint=python "$image" - <scripts/checks/container_probe.py

say "preparing the data"
"${engine[@]}" "${run[@]}" --volume="$PWD/$debian_files:/source:ro" --volume="$work/data:/data" \
  "$image" prepare_data --data_dir=/data --source=/source >/dev/null 2>"$work/prepare.log" ||
  fail "prepare_data: $(cat "$work/prepare.log")"

say "training $steps steps, with SIGTERM in their middle"
started=$SECONDS
start_training "$work/first.log"
wait_for_line "$work/first.log" " step 1/$steps,"
first_step_seconds=$((SECONDS - started))
"${engine[@]}" kill --signal=TERM "$container" >/dev/null
expect_status 143 "$work/first.log"
grep --quiet "interrupted and saved at step" "$work/first.log" || fail "$(cat "$work/first.log")"
start_training "$work/second.log"
expect_status 0 "$work/second.log"
grep --quiet "resuming /runs/check at step [1-9]" "$work/second.log" ||
  fail "did not resume: $(cat "$work/second.log")"
[ -s "$work/runs/check/results/final.png" ] || fail "no final.png"

say "the container works: $((bytes / 1000000)) MB, built in $build_seconds s," \
  "first step after $first_step_seconds s"
