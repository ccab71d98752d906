# What is allowed beneath a listed name: dnsmasq, unbound and BIND 9 resolve it by the list, and block
# what lies around it. Sourced by `run`.
set -euo pipefail

INTERNET="$(free_port)" DNSMASQ="$(free_port)" UNBOUND="$(free_port)" BIND="$(free_port)"
printf '%s\n' '||branch.top^' '||p.ok.mid.branch.top^' >"$WORK/branches"
wardnet ingest --source branches --format adblock --category malware "$WORK/branches"
wardnet allow ok.mid.branch.top
wardnet allow --scope exact alone.branch.top
wardnet block q.ok.mid.branch.top
for format in dnsmasq unbound rpz adblock; do take "$format" "$WORK/exceptions.$format"; done
has exceptions.adblock '@@||ok.mid.branch.top^'
has exceptions.adblock '||q.ok.mid.branch.top^$important'

# The rest of the DNS: every name exists.
mkdir "$WORK/internet" "$WORK/bind"
cat >"$WORK/internet/named.conf" <<CONF
options {
  directory "$WORK/internet"; pid-file none; session-keyfile none;
  listen-on port $INTERNET { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; notify no;
};
controls { };
zone "top" { type primary; file "top.zone"; };
CONF
cat >"$WORK/internet/top.zone" <<'ZONE'
$ORIGIN top.
$TTL 1
@ IN SOA ns host 1 3600 600 86400 1
@ IN NS ns
ns IN A 198.51.100.1
* IN A 198.51.100.10
ZONE
start internet named -g -c "$WORK/internet/named.conf"
wait_for "the rest of the DNS" dig +time=1 +tries=1 @127.0.0.1 -p "$INTERNET" good.top

# judge NAME PORT EXACT asks a program; EXACT says whether it knows exceptions for a name alone.
judge() {
  local name
  wait_for "$1" dig +time=1 +tries=1 @127.0.0.1 -p "$2" good.top
  for name in branch.top x.branch.top mid.branch.top x.mid.branch.top; do
    [[ "$(asks "$2" "$name")" == "NXDOMAIN "* ]] || fail "$1: $name is not blocked: $(asks "$2" "$name")"
  done
  [[ "$(asks "$2" q.ok.mid.branch.top)" != *198* ]] || fail "$1: a block within what is allowed"
  for name in good.top ok.mid.branch.top x.ok.mid.branch.top p.ok.mid.branch.top alone.branch.top; do
    [[ "$(asks "$2" "$name")" == "NOERROR 198.51.100.10 " ]] || fail "$1: $name is blocked: $(asks "$2" "$name")"
  done
  [[ -z "$3" || "$(asks "$2" x.alone.branch.top)" == "NXDOMAIN "* ]] || fail "$1: beneath a name that alone is allowed"
}

start dnsmasq-exceptions dnsmasq --no-daemon --no-resolv --no-hosts --port="$DNSMASQ" --listen-address=127.0.0.1 \
  --bind-interfaces --cache-size=0 --conf-file="$WORK/exceptions.dnsmasq" --server="127.0.0.1#$INTERNET"
judge dnsmasq "$DNSMASQ" exact

cat >"$WORK/unbound-exceptions.conf" <<CONF
server:
  interface: 127.0.0.1@$UNBOUND
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "$WORK"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  do-not-query-localhost: no
stub-zone:
  name: "top."
  stub-addr: 127.0.0.1@$INTERNET
remote-control:
  control-enable: no
include: "$WORK/exceptions.unbound"
CONF
start unbound-exceptions /usr/sbin/unbound -d -c "$WORK/unbound-exceptions.conf"
judge unbound "$UNBOUND" ""

cp "$WORK/exceptions.rpz" "$WORK/bind/rpz.zone"
cat >"$WORK/bind/named.conf" <<CONF
options {
  directory "$WORK/bind"; pid-file none; session-keyfile none;
  listen-on port $BIND { 127.0.0.1; }; listen-on-v6 { none; };
  recursion yes; allow-recursion { 127.0.0.0/8; }; dnssec-validation no;
  response-policy { zone "rpz.wardnet"; };
};
controls { };
zone "top" { type forward; forward only; forwarders { 127.0.0.1 port $INTERNET; }; };
zone "rpz.wardnet" { type primary; file "rpz.zone"; };
CONF
start bind named -g -c "$WORK/bind/named.conf"
judge bind "$BIND" exact
