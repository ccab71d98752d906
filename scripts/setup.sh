#!/usr/bin/env bash
# Installs what is missing on Debian or Ubuntu: `setup.sh run` what building and running needs,
# `setup.sh test` also what the tests need. Does nothing when everything is there.
set -euo pipefail

readonly CACHE="${HOME}/.cache/wardnet"
readonly CARGO_DENY_VERSION="0.20.2"

fail() {
  echo "setup: $*" >&2
  exit 1
}

as_root() {
  if [[ "$(id -u)" -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "run this as root, or install sudo, or install yourself: ${missing[*]}"
  fi
}

# install_packages PACKAGE... installs those of the packages that are not installed.
install_packages() {
  local package
  missing=()
  command -v dpkg-query >/dev/null || fail "not Debian or Ubuntu: install yourself: $*"
  for package in "$@"; do
    if ! dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii'; then
      missing+=("$package")
    fi
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  echo "setup: installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_cargo_deny() {
  if command -v cargo-deny >/dev/null || [[ -x "$CACHE/bin/cargo-deny" ]]; then
    return 0
  fi
  echo "setup: building cargo-deny once, which takes some minutes"
  CARGO_TARGET_DIR="$CACHE/target-tools" cargo install cargo-deny \
    --version "$CARGO_DENY_VERSION" --locked --quiet --root "$CACHE"
  rm -rf "$CACHE/target-tools"
}

command -v cargo >/dev/null || fail "no cargo: install Rust from https://rustup.rs first"

case "${1:-run}" in
  run)
    # ring, our cryptography, has parts in C and assembly; curl is what `make run` says to try.
    install_packages ca-certificates curl gcc libc6-dev
    ;;
  test)
    # libFuzzer is C++; some conformance cases are Python, and the manual's commands use curl.
    install_packages ca-certificates curl gcc libc6-dev g++ python3 python3-venv
    install_cargo_deny
    ;;
  *)
    fail "usage: setup.sh run|test"
    ;;
esac
