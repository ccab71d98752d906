# Helpers for conformance cases: `source ../lib.sh` first. See README.md for the rules.
# The runner sets WARDNET_BIN, the wardnet to test, and starts a case in its own folder.
set -euo pipefail

: "${WARDNET_BIN:?run cases by \`cargo xtask conformance\`, which builds wardnet and sets WARDNET_BIN}"

CACHE="${HOME}/.cache/wardnet"
WORK="$(mktemp -d)"
SERVERS=()
trap clean_up EXIT

# fail MESSAGE… ends the case; a case that cannot run has failed.
fail() {
  echo "conformance: $*" >&2
  exit 1
}

# Stops what was started, newest first, and removes WORK; shows the logs of a case that failed.
clean_up() {
  local status=$? index pid
  for ((index = ${#SERVERS[@]} - 1; index >= 0; index--)); do
    pid="${SERVERS[index]}"
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  if [[ "$status" -ne 0 ]]; then
    tail -n 50 "$WORK"/*.log >&2 2>/dev/null || true
  fi
  rm -rf "$WORK"
  exit "$status"
}

# free_port prints a loopback port that nobody listens on.
free_port() {
  python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

# start NAME COMMAND… runs a server in the background, logging to $WORK/NAME.log. Its process
# is STARTED.
start() {
  local name="$1"
  shift
  "$@" >"$WORK/$name.log" 2>&1 &
  STARTED=$!
  SERVERS+=("$STARTED")
}

# wait_for WHAT COMMAND… repeats COMMAND until it succeeds, for 90 s, while the last server lives.
wait_for() {
  local what="$1" deadline=$((SECONDS + 90))
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "$STARTED" 2>/dev/null || fail "the server ended while waiting for $what"
    ((SECONDS < deadline)) || fail "no $what within 90 s"
    sleep 0.1
  done
}

# listens PORT succeeds once a TCP connection to it does.
listens() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# start_wardnet [ARGUMENT…] starts `wardnet serve` on a fresh data folder. Sets URL and TOKEN,
# the first administrator's token, which it prints when a data folder is new.
start_wardnet() {
  local port
  port="$(free_port)"
  URL="http://127.0.0.1:$port"
  start wardnet "$WARDNET_BIN" serve --data-dir "$WORK/data" --listen "127.0.0.1:$port" "$@"
  wait_for "an admin token" grep -q '^admin token: wn_' "$WORK/wardnet.log"
  wait_for "listener at $URL" listens "$port"
  TOKEN="$(sed -n 's/^admin token: //p' "$WORK/wardnet.log" | head -n 1)"
}

# python_venv NAME REQUIREMENT… puts the packages into a cached environment; sets VENV, its folder.
# The requirements are part of its identity, so a new version gets a new environment.
python_venv() {
  local name="$1" identity
  shift
  identity="$(printf '%s\n' "$@" | sha256sum | cut -c 1-12)"
  VENV="$CACHE/venv-$name-$identity"
  [[ ! -e "$VENV/.complete" ]] || return 0
  rm -rf "$VENV"
  python3 -m venv "$VENV" || fail "no Python environment: install python3-venv"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check "$@" || fail "cannot install $*"
  touch "$VENV/.complete"
}

# debian_packages PACKAGE… installs what is missing; needs root or sudo then.
debian_packages() {
  local package missing=() sudo=()
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' ||
      missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ "$(id -u)" -eq 0 ]] || sudo=(sudo -n)
  "${sudo[@]}" apt-get update -qq || fail "cannot install ${missing[*]}"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "${missing[@]}" >/dev/null || fail "cannot install ${missing[*]}"
}

# unpacked_packages PACKAGE… fetches packages of Debian and unpacks them without installing them: no
# service starts, no script of theirs runs. Sets UNPACKED, the folder with their files.
unpacked_packages() {
  local identity package
  identity="$(printf '%s\n' "$@" | sha256sum | cut -c 1-12)"
  UNPACKED="$CACHE/unpacked-$identity"
  [[ ! -e "$UNPACKED/.complete" ]] || return 0
  rm -rf "$UNPACKED"
  mkdir -p "$UNPACKED/.packages"
  (cd "$UNPACKED/.packages" && apt-get download -qq "$@" >/dev/null) || fail "cannot fetch $*"
  for package in "$UNPACKED"/.packages/*.deb; do
    dpkg-deb --extract "$package" "$UNPACKED" || fail "cannot unpack $package"
  done
  touch "$UNPACKED/.complete"
}
