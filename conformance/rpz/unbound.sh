# unbound 1.17: a secondary that is told of changes.
set -euo pipefail

cat >"$WORK/unbound.conf" <<CONF
server:
  interface: 127.0.0.1@$UNBOUND
  port: $UNBOUND
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "$WORK"
  pidfile: ""
  use-syslog: no
  module-config: "respip iterator"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
rpz:
  name: "rpz.wardnet.test"
  primary: 127.0.0.1@$ZONES
  allow-notify: 127.0.0.1
  rpz-log: yes
forward-zone:
  name: "top."
  forward-addr: 127.0.0.1@$INTERNET
remote-control:
  control-enable: no
CONF
start unbound /usr/sbin/unbound -d -c "$WORK/unbound.conf"
judge "$UNBOUND"
expect "a listed address" 'status: NXDOMAIN' ask "$UNBOUND" listed.top
follows "$UNBOUND" new.top 1000
