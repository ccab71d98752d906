#!/usr/bin/env bash
# Starts Wardnet on the sample feeds and prints what to try, then serves until Ctrl-C. `make run`
# builds it first. WARDNET_HOME chooses another data folder than ~/.local/share/wardnet,
# WARDNET_LISTEN another address than 127.0.0.1:8480. Further arguments go to `wardnet serve`.
set -euo pipefail

cd "$(dirname "$0")/.."
readonly BIN="${CARGO_TARGET_DIR:-$HOME/.cache/wardnet/target}/release/wardnet"
readonly DATA="${WARDNET_HOME:-$HOME/.local/share/wardnet}"
readonly LISTEN="${WARDNET_LISTEN:-127.0.0.1:8480}"
# What several of the sample feeds call dangerous: when it is, the samples are in.
readonly LISTED="138.124.186.2"
readonly SECONDS_MAX=120

fail() {
  echo "run: $*" >&2
  exit 1
}

# ready succeeds once the server says that it can answer. curl may not be there.
ready() {
  local status host="${LISTEN%:*}"
  host="${host#[}"
  {
    printf 'GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    IFS= read -r status <&3
  } 3<>"/dev/tcp/${host%]}/${LISTEN##*:}" || return 1
  [[ "$status" == *" 200 "* ]]
} 2>/dev/null

# samples_in succeeds once every feed is applied and its verdicts are given.
samples_in() {
  local feeds
  feeds="$("$BIN" --data-dir "$DATA" feeds list --json)" || return 1
  ! grep -q '"applied_at":null' <<<"$feeds" || return 1
  "$BIN" --data-dir "$DATA" lookup "$LISTED" >/dev/null || [[ $? -eq 30 ]]
} 2>/dev/null

# wait_for WHAT COMMAND repeats COMMAND until it succeeds, while the server lives.
wait_for() {
  until "$2"; do
    kill -0 "$server" 2>/dev/null || fail "the server ended; the lines above say why"
    ((SECONDS < SECONDS_MAX)) || fail "no $1 within $SECONDS_MAX s"
    sleep 0.2
  done
}

stop() {
  trap - EXIT INT TERM
  kill -TERM "$server" 2>/dev/null || true
  wait "$server" || true
  rm -f "$said"
}

what_to_try() {
  local token
  cat <<END

Wardnet answers on http://$LISTEN. In another terminal, first

  export PATH="\$PATH:$(dirname "$BIN")" WARDNET_DATA_DIR="$DATA"

and then

  wardnet lookup 'hxxp://138[.]124[.]186[.]2:7000' google.com debian.org
  wardnet explain $LISTED
  curl -s -H "Authorization: Bearer \$(wardnet tokens create my-first-token)" 'http://$LISTEN/v1/lookup?indicator=$LISTED'

END
  token="$(sed -n 's/^admin token: //p' "$said")"
  if [[ -n "$token" ]]; then
    echo "The administrator's token, which is not shown again: $token"
  fi
  echo "The sample feeds are old: try with them, protect nothing. docs/feeds.md says how to add live ones."
  echo "Ctrl-C stops."
}

[[ -x "$BIN" ]] || fail "$BIN is not there: use \`make run\`"
mkdir -p "$DATA"
! ready || fail "something answers on $LISTEN already; stop it, or set WARDNET_LISTEN=127.0.0.1:PORT"

said="$(mktemp)"
"$BIN" --data-dir "$DATA" serve --listen "$LISTEN" --feeds "$PWD/samples/feeds.toml" "$@" >"$said" &
server=$!
trap stop EXIT
trap 'exit 0' INT TERM

wait_for "answer from the server" ready
echo "run: waiting for the sample feeds"
wait_for "verdicts from the sample feeds" samples_in
what_to_try
wait "$server"
