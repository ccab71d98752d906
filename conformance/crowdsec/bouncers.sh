# The bouncers of Debian; sourced by `run`.
set -euo pipefail

api() { curl -sS -H "X-Api-Key: $KEY" "http://127.0.0.1:$LAPI$1"; }
status() { curl -sS -o /dev/null -w '%{http_code}' "$@"; }

echo "keys"
STREAM="http://127.0.0.1:$LAPI/v1/decisions/stream"
[[ "$(status "$STREAM")" == 403 ]] || fail "a stream without a key"
[[ "$(status -H 'X-Api-Key: wrong' "$STREAM")" == 403 ]] || fail "a stream for a wrong key"
curl -sS "$STREAM" | grep -q '"message"' || fail "no message in an error"
[[ "$(status -H "X-Api-Key: $KEY" --compressed "$STREAM")" == 200 ]] || fail "no stream"

echo "crowdsec-custom-bouncer"
cat >"$WORK/hook" <<SH
#!/bin/sh
echo "\$1 \$2 \$3" >>"$WORK/heard"
SH
chmod +x "$WORK/hook"
: >"$WORK/heard"
cat >"$WORK/custom.yaml" <<YAML
bin_path: $WORK/hook
feed_via_stdin: false
total_retries: 0
piddir: $WORK
update_frequency: 1s
cache_retention_duration: 1s
daemonize: false
log_mode: stdout
log_level: info
api_url: http://127.0.0.1:$LAPI/
api_key: $KEY
prometheus:
  enabled: false
  listen_addr: 127.0.0.1
  listen_port: 0
YAML
heard() { grep -c "^$1" "$WORK/heard" || true; }
hears() { [[ "$(heard "$1")" -ge 1 ]]; }
once() { # WHAT… that the bouncer has heard of, once since the file was emptied
  local what
  for what in "$@"; do
    wait_for "$what" hears "$what"
    [[ "$(heard "$what")" -eq 1 ]] || fail "heard more than once: $what in $(cat "$WORK/heard")"
  done
}
decide block 45.95.11.7
decide block 45.95.12.0/24
decide block 2a0b:f4c0::7
start custom crowdsec-custom-bouncer -c "$WORK/custom.yaml"
CUSTOM="$STARTED"
once "add 45.95.11.7 " "add 45.95.12.0/24 " "add 2a0b:f4c0::7 "
decide block 45.95.11.8
decide decisions withdraw 45.95.11.7
once "add 45.95.11.8 " "del 45.95.11.7 "
[[ "$(heard "add 45.95.11.7 ")" -eq 1 && "$(heard "add ")" -eq 4 ]] || fail "$(cat "$WORK/heard")"

echo "an exception in a network"
decide allow 45.95.12.9
once "del 45.95.12.0/24 "
[[ "$(api '/v1/decisions?ip=45.95.12.9')" == null ]] || fail "an address is blocked that is allowed"
api '/v1/decisions?ip=45.95.12.10' | grep -q '"45.95.12.0/24"' || fail "the rest is not blocked"
decide decisions withdraw 45.95.12.9
wait_for "the network again" bash -c "[[ \$(grep -c '^add 45.95.12.0/24 ' '$WORK/heard') -eq 2 ]]"

echo "other settings are told as differences"
echo 45.95.20.1 >"$WORK/list"
decide ingest --source own --category brute-force "$WORK/list"
once "add 45.95.20.1 "
: >"$WORK/heard"
cp "$WORK/wardnet.toml" "$WORK/before.toml"
echo 'categories = ["uncategorised"]' >>"$WORK/wardnet.toml"
wardnet reload | grep -q 'has the settings just read' || fail "no reload"
once "del 45.95.20.1 "
cp "$WORK/before.toml" "$WORK/wardnet.toml"
decide reload
once "add 45.95.20.1 "
[[ "$(wc -l <"$WORK/heard")" -eq 2 ]] || fail "a reload told more: $(cat "$WORK/heard")"
status -H "Authorization: Bearer $TOKEN" "$URL/metrics" | grep -q 200 || fail "no metrics"
curl -sS -H "Authorization: Bearer $TOKEN" "$URL/metrics" |
  grep -q '^wardnet_crowdsec_decisions{listener="crowdsec"} 4$' || fail "the metrics count otherwise"

echo "restarts of Wardnet, stopped and killed"
for signal in TERM KILL; do
  : >"$WORK/heard"
  number=$([[ $signal == TERM ]] && echo 1 || echo 2)
  decide block "45.96.$number.1"
  restart_wardnet "$signal" "45.96.$number.2"
  decide block "45.96.$number.3"
  once "add 45.96.$number.1 " "add 45.96.$number.2 " "add 45.96.$number.3 "
  sleep 3
  [[ "$(wc -l <"$WORK/heard")" -eq 3 ]] || fail "after $signal more was told: $(cat "$WORK/heard")"
done

echo "a restart of the bouncer"
kill "$CUSTOM"
wait "$CUSTOM" || true
decide decisions withdraw 45.96.1.1
: >"$WORK/heard"
start custom crowdsec-custom-bouncer -c "$WORK/custom.yaml"
CUSTOM="$STARTED"
once "add 45.95.11.8 " "add 45.95.12.0/24 " "add 2a0b:f4c0::7 " "add 45.96.1.2 " "add 45.96.2.3 "
[[ "$(heard "add 45.96.1.1 ")" -eq 0 ]] || fail "something was added that is withdrawn"

echo "crowdsec-firewall-bouncer"
cat >"$WORK/firewall.yaml" <<YAML
mode: nftables
pid_dir: $WORK
update_frequency: 1s
daemonize: false
log_mode: stdout
log_level: info
api_url: http://127.0.0.1:$LAPI/
api_key: $KEY
disable_ipv6: false
deny_action: DROP
deny_log: false
supported_decisions_types: [ban]
blacklists_ipv4: crowdsec-blacklists
blacklists_ipv6: crowdsec6-blacklists
nftables:
  ipv4: {enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}
  ipv6: {enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}
prometheus:
  enabled: false
  listen_addr: 127.0.0.1
  listen_port: 0
YAML
# Its tables live in a network of its own, which has no way to ours but a wire.
NETWORK="wardnet$$"
drop_network() { ip netns del "$NETWORK" 2>/dev/null || true; }
# The status that the case ends with is the one before the network goes.
trap 'ended=$?; drop_network; set +e; (exit "$ended"); clean_up' EXIT
ip netns add "$NETWORK" || fail "no network namespace: this needs root"
ip -n "$NETWORK" link set lo up
# What listens there reaches ours over a socket in the file system.
start wire nsenter "--net=/var/run/netns/$NETWORK" python3 "$CASE/wire.py" "$LAPI" "$WORK/wire.sock"
start wire-out python3 "$CASE/wire.py" --out "$WORK/wire.sock" "$LAPI"
wait_for "the wire" test -S "$WORK/wire.sock"
wait_for "the wire's other end" \
  ip netns exec "$NETWORK" bash -c "exec 3<>/dev/tcp/127.0.0.1/$LAPI"
start firewall ip netns exec "$NETWORK" crowdsec-firewall-bouncer -c "$WORK/firewall.yaml"
set_has() { # FAMILY TABLE SET ADDRESS
  ip netns exec "$NETWORK" nft get element "$1" "$2" "$3" "{ $4 }"
}
has4() { set_has ip crowdsec crowdsec-blacklists "$1"; }
has6() { set_has ip6 crowdsec6 crowdsec6-blacklists "$1"; }
lacks4() { ! has4 "$1"; }
wait_for "an address in the set" has4 45.95.11.8
# This version takes a network for its first address with nftables: it is told the network all the
# same, as the other bouncer shows.
wait_for "a network in the set" has4 45.95.12.0
has4 45.95.12.77 2>/dev/null && fail "the bouncer has learned of networks: say so in docs/crowdsec.md"
wait_for "an IPv6 address in the set" has6 2a0b:f4c0::7
has4 45.95.11.9 2>/dev/null && fail "an address in the set that nobody listed"
decide block 45.97.0.1
wait_for "a new address in the set" has4 45.97.0.1
for address in 45.97.0.1 45.95.11.8 45.95.12.0/24; do decide decisions withdraw "$address"; done
wait_for "an address out of the set" lacks4 45.97.0.1
wait_for "another out of the set" lacks4 45.95.11.8
wait_for "a network out of the set" lacks4 45.95.12.0
