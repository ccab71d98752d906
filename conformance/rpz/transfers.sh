# dig and kdig: what is in the zones, what a change is, signatures, TLS.
set -euo pipefail

expect "a name" '^evil-shop\.top\.rpz\.wardnet\.test\..*CNAME\s+\.$' transfer AXFR
expect "what lies below" '^\*\.wild\.top\.rpz\.wardnet\.test\..*CNAME\s+\.$' transfer AXFR
expect "an address" '^32\.4\.3\.2\.101\.rpz-ip\.rpz\.wardnet\.test\..*CNAME\s+\.$' transfer AXFR
expect "a network" '^16\.0\.0\.9\.101\.rpz-ip\.' transfer AXFR
expect "what is allowed" '^fine\.top\.rpz\.wardnet\.test\..*CNAME\s+rpz-passthru\.$' transfer AXFR
expect "its start" 'IN\s+SOA' transfer SOA
expect_no "what is doubtful at the middle level" '^perhaps' transfer AXFR

other() { dig +tries=1 @127.0.0.1 -p "$ZONES" "$1.wardnet.test" AXFR; }
expect "what is doubtful at the high level" '^perhaps\.top\.strict\.' other strict
expect "phishing among phishing" '^evil-shop\.top\.phishing\.' other phishing
expect_no "C2 among phishing" '101\.rpz-ip' other phishing

SERIAL="$(transfer SOA +short | cut -d' ' -f3)"
wardnet block bad.top
wait_for "the next decision in the zone" has bad.top
expect "one change" 'bad\.top\.rpz\.wardnet\.test\.' transfer "IXFR=$SERIAL"
expect "and nothing else" 'XFR size: ([4-9]|1[0-2]) records' transfer "IXFR=$SERIAL"
expect "one change over UDP" 'bad\.top\.rpz\.wardnet\.test\.' transfer +notcp "IXFR=$SERIAL"
expect "all for a serial that is not known" '^evil-shop\.top\.rpz' transfer "IXFR=$((SERIAL - 9999))"
wardnet block --for 1s short.top
wait_for "a block with an end" has short.top
ended() { ! has short.top; }
wait_for "its end" ended

signed() { dig +tries=1 @127.0.0.1 -p "$SIGNED" rpz.wardnet.test AXFR "$@"; }
expect "without a signature" 'Transfer failed|REFUSED' signed
expect "with the wrong one" 'BADSIG|NOTAUTH|Transfer failed' \
  signed -y "hmac-sha256:key.test:$(printf 'another' | base64)"
expect "with the right one" '^evil-shop\.top\.rpz' signed -y "hmac-sha256:key.test:$SECRET"
expect "servers by name" '^\*\.evil-dns\.top\.rpz-nsdname\.rpz\.' signed -y "hmac-sha256:key.test:$SECRET"

secure() {
  kdig +tls "$@" +retry=0 "@127.0.0.1" -p "$ZONES_TLS" -y "hmac-sha256:key.test:$SECRET" \
    rpz.wardnet.test AXFR
}
expect "over TLS" '^evil-shop\.top\.rpz' \
  secure +tls-ca="$WORK/cert.pem" +tls-hostname=zones.wardnet.test
expect_no "over TLS with another name" '^evil-shop\.top\.rpz' \
  secure +tls-ca="$WORK/cert.pem" +tls-hostname=another.wardnet.test

# A restart, also after a kill: differences, not the whole zone.
for signal in term kill; do
  wardnet block "before-$signal.top"
  wait_for "a decision before the restart" has "before-$signal.top"
  SERIAL="$(transfer SOA +short | cut -d' ' -f3)"
  kill -s "${signal^^}" "$WARDNET_PID"
  wait "$WARDNET_PID" || true
  wardnet block "between-$signal.top"
  start wardnet "$WARDNET_BIN" serve --data-dir "$WORK/data" --listen "${URL#http://}" \
    --config "$WORK/wardnet.toml"
  WARDNET_PID="$STARTED"
  wait_for "the zone after $signal" has "between-$signal.top"
  expect "what came while nobody served" "^between-$signal\.top\.rpz" transfer "IXFR=$SERIAL"
  expect "and nothing else" 'XFR size: ([4-9]|1[0-2]) records' transfer "IXFR=$SERIAL"
done
