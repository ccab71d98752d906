# pdns-recursor 4.8: a secondary with TSIG. It takes no NOTIFY for policy zones, but looks at the
# serial as often as it is told. Its packet cache knows nothing of policies: what it holds is answered
# for `packetcache-ttl` seconds (by default an hour), also when a block has ended.
set -euo pipefail

mkdir "$WORK/powerdns"
cat >"$WORK/powerdns/recursor.conf" <<CONF
local-address=127.0.0.1
local-port=$POWERDNS
socket-dir=$WORK/powerdns
allow-from=127.0.0.0/8
dont-query=
dnssec=off
security-poll-suffix=
hint-file=no
threads=1
packetcache-ttl=1
forward-zones=top=127.0.0.1:$INTERNET
lua-config-file=$WORK/powerdns/rpz.lua
CONF
cat >"$WORK/powerdns/rpz.lua" <<LUA
rpzPrimary("127.0.0.1:$SIGNED", "rpz.wardnet.test",
  { tsigname = "key.test", tsigalgo = "hmac-sha256", tsigsecret = "$SECRET", refresh = 1 })
LUA
start powerdns pdns_recursor --config-dir="$WORK/powerdns" --daemon=no --disable-syslog
judge "$POWERDNS"
expect "a listed address" 'status: NXDOMAIN' ask "$POWERDNS" listed.top
follows "$POWERDNS" new.top 3000
