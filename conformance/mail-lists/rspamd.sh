# rspamd: its own settings folder over Debian's, asked over HTTP; addresses, hosts of URLs, and
# digests of e-mail addresses, domains, URLs and attachments in the forms that it writes.
set -euo pipefail

mkdir -p "$WORK/rspamd/local.d" "$WORK/rspamd/override.d" "$WORK/rspamd-data"
cat >"$WORK/rspamd/local.d/options.inc" <<CONF
dns { nameserver = ["127.0.0.1:53"]; }
# Compiling patterns for all public suffixes takes a minute; these are all that is needed here.
url_tld = "$WORK/rspamd/suffixes";
CONF
printf 'com\norg\ntop\n' >"$WORK/rspamd/suffixes"
cat >"$WORK/rspamd/override.d/worker-normal.inc" <<CONF
bind_socket = "127.0.0.1:11333"; count = 1;
CONF
printf 'type = "console"; level = "notice";\n' >"$WORK/rspamd/override.d/logging.inc"
for worker in controller proxy; do
  printf 'enabled = false; count = 0;\n' >"$WORK/rspamd/override.d/worker-$worker.inc"
done
cat >"$WORK/rspamd/local.d/rbl.conf" <<CONF
rbls {
  wardnet_bl {
    symbol = "WARDNET_BL"; rbl = "bl.wardnet.test"; checks = ["from"];
    returncodes { WARDNET_BL_C2 = "127.0.0.13"; }
  }
  wardnet_wl {
    symbol = "WARDNET_WL"; rbl = "wl.wardnet.test"; checks = ["from"]; is_whitelist = true;
    returncodes { WARDNET_WL = "127.0.%d+.[23]"; }
  }
  wardnet_uribl {
    symbol = "WARDNET_URIBL"; rbl = "uribl.wardnet.test"; checks = ["urls"]; ignore_defaults = true;
    returncodes { WARDNET_URIBL_PHISHING = "127.0.0.12"; WARDNET_URIBL_C2 = "127.0.0.13"; }
  }
  wardnet_dbl {
    symbol = "WARDNET_DBL"; rbl = "dbl.wardnet.test"; checks = ["emails", "replyto"];
    emails_domainonly = true; ignore_defaults = true;
  }
  wardnet_ebl {
    symbol = "WARDNET_EBL"; rbl = "hash.wardnet.test"; checks = ["emails", "replyto"];
    hash = "sha1"; ignore_defaults = true;
  }
  wardnet_ebl_blake2 {
    symbol = "WARDNET_EBL_BLAKE2"; rbl = "hash.wardnet.test"; checks = ["emails", "replyto"];
    hash = "blake2"; hash_format = "base32"; hash_len = 32; ignore_defaults = true;
  }
  wardnet_domains_blake2 {
    symbol = "WARDNET_DOMAINS_BLAKE2"; rbl = "hash.wardnet.test"; checks = ["urls"];
    hash = "blake2"; hash_format = "base32"; hash_len = 32; ignore_defaults = true;
  }
  wardnet_urls {
    symbol = "WARDNET_URLS"; rbl = "hash.wardnet.test"; selector = "urls:get_text.lower";
    hash = "sha1"; ignore_defaults = true;
  }
  wardnet_files {
    symbol = "WARDNET_FILES"; rbl = "hash.wardnet.test"; selector = "attachments('rbase32', 'sha256')";
    ignore_defaults = true;
  }
}
CONF
# What has nothing to do with lists, or asks the world when it starts, is off.
for module in fuzzy_check dkim_signing neural bayes_expiry phishing asn surbl emails clickhouse mx_check \
  whitelist spf dmarc arc; do
  printf 'enabled = false;\n' >"$WORK/rspamd/override.d/$module.conf"
done
printf 'rule "rspamd.com" { enabled = false; servers = "127.0.0.1:9"; }\n' >>"$WORK/rspamd/override.d/fuzzy_check.conf"
chown -R _rspamd "$WORK/rspamd-data"
start rspamd rspamd -f -u _rspamd -g _rspamd -c /etc/rspamd/rspamd.conf \
  --var "LOCAL_CONFDIR=$WORK/rspamd" --var "DBDIR=$WORK/rspamd-data" \
  --var "RUNDIR=$WORK/rspamd-data" --var "LOGDIR=$WORK/rspamd-data"
wait_for "rspamd" listens 11333
python3 mails.py "$WORK" "$WORK/attachment"

# scan MAIL CLIENT prints the symbols that concern us.
scan() {
  curl --silent --fail --max-time 60 --data-binary "@$WORK/$1.eml" -H "IP: $2" \
    -H "From: sender@client.org" -H "Rcpt: me@mine.org" http://127.0.0.1:11333/checkv2 |
    python3 -c 'import json, sys
print(" ".join(sorted(name for name in json.load(sys.stdin)["symbols"] if "WARDNET" in name)))'
}

bad="$(scan bad 101.2.3.4)"
echo "  listed: $bad"
for symbol in BL_C2 URIBL_PHISHING URIBL_C2 DBL EBL EBL_BLAKE2 DOMAINS_BLAKE2 URLS FILES; do
  [[ " $bad " == *" WARDNET_$symbol "* ]] || fail "rspamd did not find WARDNET_$symbol: $bad"
done
good="$(scan good 101.5.5.5)"
[[ -z "$good" ]] || fail "rspamd found in a good mail: $good"
allowed="$(scan good 101.7.7.7)"
[[ "$allowed" == WARDNET_WL ]] || fail "rspamd did not find who is allowed: $allowed"
