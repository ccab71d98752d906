# BIND 9.18: a secondary over TLS with TSIG. It takes a new version of a policy zone only every
# 60 s, unless it is told otherwise: `min-update-interval 0`.
set -euo pipefail

mkdir "$WORK/bind"
cat >"$WORK/bind/named.conf" <<CONF
key "key.test" { algorithm hmac-sha256; secret "$SECRET"; };
tls "wardnet" { ca-file "$WORK/cert.pem"; remote-hostname "zones.wardnet.test"; };
options {
  directory "$WORK/bind"; pid-file none; session-keyfile none;
  listen-on port $BIND { 127.0.0.1; }; listen-on-v6 { none; };
  recursion yes; allow-recursion { 127.0.0.0/8; }; dnssec-validation no;
  response-policy { zone "rpz.wardnet.test" min-update-interval 0; } nsip-enable yes
    nsdname-enable yes;
};
controls { };
zone "top" { type forward; forward only; forwarders { 127.0.0.1 port $INTERNET; }; };
zone "rpz.wardnet.test" {
  type secondary;
  primaries { 127.0.0.1 port $ZONES_TLS key "key.test" tls "wardnet"; };
  file "rpz.db";
  notify no;
};
CONF
start bind named -g -c "$WORK/bind/named.conf"
judge "$BIND"
expect "a listed address" 'status: NXDOMAIN' ask "$BIND" listed.top
# BIND looks at the servers of a name that it knows of. One that asks another resolver, as here, knows
# none until somebody asks for them.
ask "$BIND" served.top NS >/dev/null
expect "a name with a listed server" 'status: NXDOMAIN' ask "$BIND" www.served.top
follows "$BIND" new.top 1000
