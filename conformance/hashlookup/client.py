"""Asks by PyHashlookup."""

import os

from pyhashlookup import Hashlookup

URL, TOKEN = os.environ["URL"], os.environ["TOKEN"]
EICAR = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
EICAR_SHA1 = "3395856ce81f2b7382dee72602f798b642f14140"
EICAR_MD5 = "44d88612fea8a8f36de82e1278abb02f"
BASH = "2cc7ee1d3d3ee5a9e9aa1b0e4cbbbd52"
NSRL_SHA1 = "0000004da6391f7f5d2f7fccf36cebda60c6ea02"
NSRL_MD5 = "0e53c14a3e48d94ff596a2824307b492"
FILTERED = "AAAAAAAA" + "1" * 32


def client(token):
    asked = Hashlookup(f"{URL}/hashlookup")
    if token:
        asked.session.headers["X-Api-Key"] = token
    return asked


if "ANONYMOUS" in os.environ:
    asked = client(None)
else:
    asked = client(TOKEN)
    print("no token, a wrong one")
    for wrong in (None, "wn_wrong"):
        told = client(wrong).md5_lookup(EICAR_MD5)
        assert list(told) == ["message"], told

print("info")
info = asked.info()
assert info["hashlookup-version"] == "1.2" and info["stat:hashlookup_total_keys"] >= 0, info

print("known to be bad, by each hash")
for told in (asked.lookup(EICAR), asked.sha1_lookup(EICAR_SHA1), asked.md5_lookup(EICAR_MD5.upper())):
    assert told["KnownMalicious"] == "bazaar" and told["hashlookup:trust"] < 50, told
assert told["MD5"] == EICAR_MD5.upper(), told

print("known to be good")
for hash, source in ((BASH, "debian"), (NSRL_SHA1, "nsrl"), (NSRL_MD5, "nsrl")):
    told = asked.lookup(hash)
    assert told["source"] == source and "KnownMalicious" not in told, told
    # MD5 and SHA-1 inform: they never reach full trust.
    assert 50 < told["hashlookup:trust"] <= 75, told
told = asked.sha256_lookup("f" * 64)
assert told["hashlookup:trust"] == 100 and "KnownMalicious" not in told, told

print("known to a filter")
told = asked.sha1_lookup(FILTERED)
assert told == {"SHA-1": FILTERED, "source": "circl", "hashlookup:trust": 55}, told
assert asked.md5_lookup("b" * 32)["source"] == "circl"

print("not known, and no hash")
unknown = "0123456789abcdef0123456789abcdef"
assert asked.md5_lookup(unknown) == {"message": "Non existing MD5", "query": unknown}
assert asked.sha1_lookup("1" * 40)["message"] == "Non existing SHA-1"
assert asked.sha256_lookup("1" * 64)["message"] == "Non existing SHA-256"
assert asked.md5_lookup("zz")["message"] == "MD5 value incorrect, expecting a MD5 value in hex format"
assert asked.session.get(f"{URL}/hashlookup/lookup/md5/{unknown}").status_code == 404
assert asked.session.get(f"{URL}/hashlookup/lookup/md5/zz").status_code == 400

print("many")
told = asked.lookup([EICAR_MD5, BASH, unknown])
assert [one["MD5"] for one in told] == [EICAR_MD5.upper(), BASH.upper()], told
assert "KnownMalicious" in told[0] and "KnownMalicious" not in told[1], told
assert [one["SHA-1"] for one in asked.sha1_bulk_lookup([NSRL_SHA1, "2" * 40])] == [NSRL_SHA1.upper()]

print("parents and children")
told = asked.sha1_parents(NSRL_SHA1)
assert told == {"parents": [EICAR.upper()], "cursor": 0, "total": 1}, told
assert asked.sha1_children(EICAR_SHA1) == {"message": "The SHA1 value has no known child."}
assert asked.sha256_lookup(EICAR)["children"] == [{"SHA-1": NSRL_SHA1.upper()}]

print("what is not kept")
assert asked.top() == {"message": "Public statistics not enabled"}
