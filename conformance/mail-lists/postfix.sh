# Postfix: an instance of its own, asked over SMTP; XCLIENT says for whom.
set -euo pipefail

mkdir "$WORK/postfix" "$WORK/queue" "$WORK/postfix-data"
chown postfix "$WORK/postfix-data"
cat >"$WORK/postfix/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $WORK/queue
data_directory = $WORK/postfix-data
maillog_file = $WORK/postfix/mail.log
maillog_file_prefixes = $WORK
myhostname = mx.mine.org
mydestination = mine.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_authorized_xclient_hosts = 127.0.0.0/8
local_recipient_maps =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_restrictions =
  reject_rbl_client bl.wardnet.test=127.0.0.[2..49]
  reject_rhsbl_client dbl.wardnet.test
smtpd_helo_required = yes
smtpd_helo_restrictions = reject_rhsbl_helo dbl.wardnet.test
smtpd_sender_restrictions = reject_rhsbl_sender dbl.wardnet.test
CONF
# On the second port only known good clients pass; on the third a zone is asked that is not there.
cat >"$WORK/postfix/master.cf" <<CONF
127.0.0.1:2525 inet n - n - - smtpd
127.0.0.1:2526 inet n - n - - smtpd
  -o { smtpd_client_restrictions = permit_dnswl_client wl.wardnet.test=127.0.[0..255].[2..3], reject }
127.0.0.1:2527 inet n - n - - smtpd
  -o { smtpd_client_restrictions = reject_rbl_client gone.wardnet.test }
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
defer unix - - n - 0 bounce
bounce unix - - n - 0 bounce
proxymap unix - - n - - proxymap
qmgr unix n - n 300 1 qmgr
postlog unix-dgram n - n - 1 postlogd
CONF
start postfix postfix -c "$WORK/postfix" start-fg
wait_for "Postfix" listens 2527
python3 postfix.py || {
  cat "$WORK/postfix/mail.log" >&2
  fail "Postfix decided otherwise"
}
