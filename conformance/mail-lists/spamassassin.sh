# SpamAssassin: Debian's rules and these; addresses, hosts of URLs, their addresses and their name
# servers, digests, and a bit mask.
set -euo pipefail

mkdir -p "$WORK/spamassassin"
cp /etc/spamassassin/*.pre "$WORK/spamassassin"
cat >"$WORK/spamassassin/local.cf" <<'CONF'
dns_available yes
dns_server [127.0.0.1]:53
clear_trusted_networks
trusted_networks 101.200.0.0/16
use_bayes 0
required_score 5

header WARDNET_BL eval:check_rbl('wardnet-lastexternal', 'bl.wardnet.test.')
tflags WARDNET_BL net
header WARDNET_BL_C2 eval:check_rbl_sub('wardnet-lastexternal', '127.0.0.13')
tflags WARDNET_BL_C2 net

urirhssub WARDNET_URIBL uribl.wardnet.test. A 127.0.0.12
body WARDNET_URIBL eval:check_uridnsbl('WARDNET_URIBL')
tflags WARDNET_URIBL net
urirhssub WARDNET_URIBL_ADDRESS uribl.wardnet.test. A 127.0.0.13
body WARDNET_URIBL_ADDRESS eval:check_uridnsbl('WARDNET_URIBL_ADDRESS')
tflags WARDNET_URIBL_ADDRESS net ips_only
urirhssub WARDNET_BITS bits.wardnet.test. A 4
body WARDNET_BITS eval:check_uridnsbl('WARDNET_BITS')
tflags WARDNET_BITS net
uridnssub WARDNET_HOSTED bl.wardnet.test. A 127.0.0.13
body WARDNET_HOSTED eval:check_uridnsbl('WARDNET_HOSTED')
tflags WARDNET_HOSTED net a
urifullnsrhssub WARDNET_SERVER dbl.wardnet.test. A 127.0.0.12
body WARDNET_SERVER eval:check_uridnsbl('WARDNET_SERVER')
tflags WARDNET_SERVER net

header WARDNET_EBL eval:check_hashbl_emails('hash.wardnet.test')
tflags WARDNET_EBL net
header WARDNET_URLS eval:check_hashbl_uris('hash.wardnet.test')
tflags WARDNET_URLS net
body WARDNET_FILES eval:check_hashbl_attachments('hash.wardnet.test', 'sha256')
tflags WARDNET_FILES net
askdns WARDNET_AUTHOR _AUTHORDOMAIN_.dbl.wardnet.test A /^127\.0\.0\.12$/
tflags WARDNET_AUTHOR net
CONF

# judge MAIL prints the names of the rules that concern us.
judge() {
  spamassassin --siteconfigpath="$WORK/spamassassin" --nocreate-prefs -t \
    --prefspath=/dev/null <"$WORK/$1.eml" 2>"$WORK/spamassassin-$1.log" |
    grep -oE 'WARDNET_[A-Z0-9_]+' | sort -u | tr '\n' ' '
}

python3 mails.py "$WORK" "$WORK/attachment"
bad="$(judge bad || true)"
echo "  listed: $bad"
for rule in BL BL_C2 URIBL URIBL_ADDRESS BITS HOSTED SERVER EBL URLS FILES AUTHOR; do
  [[ " $bad" == *" WARDNET_$rule "* ]] || fail "SpamAssassin did not find WARDNET_$rule: $bad"
done
good="$(judge good || true)"
[[ -z "$good" ]] || fail "SpamAssassin found in a good mail: $good"
