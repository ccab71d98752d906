# CrowdSec's agent of Debian, with its own parsers and scenarios; sourced by `run`.
set -euo pipefail

echo "crowdsec as an agent"
AGENT="$WORK/agent"
HUB="$UNPACKED/usr/share/crowdsec/hub"
mkdir -p "$AGENT"/{data,hub,notifications,plugins,acquis.d,parsers/{s00-raw,s01-parse,s02-enrich},scenarios,collections,postoverflows}
cp "$HUB/.index.json" "$AGENT/hub/"
cp -r "$UNPACKED/etc/crowdsec/patterns" "$AGENT/"
echo "simulation: false" >"$AGENT/simulation.yaml"
for part in parsers/s00-raw:syslog-logs parsers/s01-parse:sshd-logs parsers/s02-enrich:dateparse-enrich \
  scenarios:ssh-bf; do
  cp "$HUB/${part%:*}/crowdsecurity/${part#*:}.yaml" "$AGENT/${part%:*}/"
done
cat >"$AGENT/acquis.yaml" <<YAML
filenames: [$AGENT/auth.log]
labels: {type: syslog}
YAML
: >"$AGENT/auth.log"
cat >"$AGENT/config.yaml" <<YAML
common: {daemonize: false, log_media: stdout, log_level: info, working_dir: .}
config_paths:
  config_dir: $AGENT/
  data_dir: $AGENT/data/
  simulation_path: $AGENT/simulation.yaml
  hub_dir: $AGENT/hub/
  index_path: $AGENT/hub/.index.json
  notification_dir: $AGENT/notifications/
  plugin_dir: $AGENT/plugins/
crowdsec_service:
  acquisition_path: $AGENT/acquis.yaml
  parser_routines: 1
cscli: {output: json, color: "no"}
db_config: {log_level: info, type: sqlite, db_path: $AGENT/data/crowdsec.db}
api:
  client: {insecure_skip_verify: false, credentials_path: $AGENT/credentials.yaml}
prometheus: {enabled: false}
YAML
echo "url: http://127.0.0.1:$LAPI/" >"$AGENT/credentials.yaml"
agent_cscli() { cscli -c "$AGENT/config.yaml" "$@"; }
agent_cscli lapi register --machine edge-1 --url "http://127.0.0.1:$LAPI" >"$WORK/register.log" 2>&1 ||
  fail "cscli cannot register: $(cat "$WORK/register.log")"
agent_cscli lapi status >"$WORK/status.log" 2>&1 && fail "a machine logs in that nobody validated"
wardnet crowdsec machines | grep -q '^edge-1 .*waits' || fail "edge-1 does not wait"
wardnet crowdsec validate edge-1 >/dev/null
agent_cscli lapi status >"$WORK/status.log" 2>&1 || fail "no login: $(cat "$WORK/status.log")"
start agent crowdsec -c "$AGENT/config.yaml" -no-api
AGENT_PID="$STARTED"
wait_for "the agent at work" grep -q "Starting processing data" "$WORK/agent.log"
ATTACKER=45.99.0.9
reported() { wardnet explain "$ATTACKER" | grep -q 'crowdsec:edge-1'; }
# It reads what is written from now on, a moment after it says that it starts.
attack() {
  local number
  for number in $(seq 8); do
    echo "$(date '+%b %e %H:%M:%S') edge sshd[42]: Failed password for root from $ATTACKER port 40$number ssh2"
  done >>"$AGENT/auth.log"
  sleep 2
  reported
}
wait_for "the alert as evidence" attack
wardnet explain "$ATTACKER" | grep -q 'brute-force' || fail "$(wardnet explain "$ATTACKER")"
agent_cscli alerts list >"$WORK/alerts.json" 2>"$WORK/alerts.log" || fail "$(cat "$WORK/alerts.log")"
grep -q "$ATTACKER" "$WORK/alerts.json" || fail "cscli does not show the alert: $(cat "$WORK/alerts.json")"

echo "what an agent reported is blocked by bouncers"
told_by_wardnet() { api "/v1/decisions?ip=$ATTACKER" | grep -q "$ATTACKER"; }
wait_for "the attacker's decision" told_by_wardnet

echo "a decision made beside the agent is evidence, and no decision"
agent_cscli decisions add --ip 45.99.0.10 --duration 4h --reason "by hand" >"$WORK/add.log" 2>&1 ||
  fail "$(cat "$WORK/add.log")"
wardnet explain 45.99.0.10 | grep -q 'crowdsec:edge-1' || fail "not taken"
wardnet decisions list | grep -q '45.99.0.10' && fail "a stranger's decision became ours"
agent_cscli decisions delete --ip 45.99.0.10 >/dev/null 2>&1 && fail "an agent deletes decisions"
[[ -e /proc/$AGENT_PID ]] || fail "the agent has ended"
kill "$AGENT_PID"

echo "crowdsec's own server with Wardnet as its central interface"
cat >"$AGENT/online.yaml" <<YAML
url: http://127.0.0.1:$LAPI/
login: edge-1
password: $(sed -n 's/^password: //p' "$AGENT/credentials.yaml")
YAML
OWN="$(free_port)"
cp "$AGENT/credentials.yaml" "$WORK/edge-1.yaml"
sed "s|^api:|api:\n  server:\n    log_level: info\n    listen_uri: 127.0.0.1:$OWN\n    profiles_path: $UNPACKED/etc/crowdsec/profiles.yaml\n    console_path: $AGENT/console.yaml\n    online_client: {credentials_path: $AGENT/online.yaml}|; s|credentials_path: $AGENT/credentials.yaml|credentials_path: $AGENT/own.yaml|" \
  "$AGENT/config.yaml" >"$AGENT/server.yaml"
printf 'share_manual_decisions: true\nshare_custom: true\nshare_tainted: true\n' >"$AGENT/console.yaml"
decide block 45.99.0.77
echo "url: http://127.0.0.1:$OWN/" >"$AGENT/own.yaml"
cscli -c "$AGENT/server.yaml" machines add own --password own-password --url "http://127.0.0.1:$OWN" \
  -f "$AGENT/own.yaml" >"$WORK/own.log" 2>&1 || fail "$(cat "$WORK/own.log")"
# It pulls once an agent of its own has told it of scenarios.
start own-lapi crowdsec -c "$AGENT/server.yaml"
wait_for "CrowdSec's own server" listens "$OWN"
pulled() {
  cscli -c "$AGENT/server.yaml" decisions list -a -o raw 2>/dev/null | grep -q '45.99.0.77'
}
wait_for "the list in CrowdSec's own server" pulled
kill "$STARTED"
