# knot-resolver 5.6: it is no secondary, but reads policy zones from files, which it watches. Whoever
# runs it keeps the file current: here dig does. It knows no triggers but names.
set -euo pipefail

fetch() {
  dig +noall +answer +onesoa @127.0.0.1 -p "$ZONES" rpz.wardnet.test AXFR >"$WORK/knot/rpz.new"
  # A file that is in its place is whole.
  mv "$WORK/knot/rpz.new" "$WORK/knot/rpz.zone"
}
mkdir "$WORK/knot"
fetch
cat >"$WORK/knot/kresd.conf" <<LUA
net.ipv6 = false
net.listen('127.0.0.1', $KNOT)
trust_anchors.remove('.')
-- The first rule that has something to say ends the others, also one that lets pass: a rule of the
-- usual kind behind the zone would not be reached by allowed names.
local internet = policy.STUB('127.0.0.1@$INTERNET')
policy.add(function (request, query) internet(0, request) end)
policy.add(policy.rpz(policy.DENY, '$WORK/knot/rpz.zone', true))
LUA
start knot kresd -n -c "$WORK/knot/kresd.conf" "$WORK/knot"
judge "$KNOT"
# Known deviation: triggers by address are passed over.
expect "a listed address" '101\.9\.1\.1' ask "$KNOT" listed.top
wardnet block new.top
wait_for "the block in the zone" has new.top
fetch
wait_for "the block in knot-resolver" blocks "$KNOT" new.top
wardnet decisions withdraw new.top
