"""Lists that one Wardnet hands out are read by another, which is not told their format.

back.py WARDNET FOLDER FILE…
"""

import json
import subprocess
import sys

HASH = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
NAMES = ["evil-shop.top", "many-2000.top", "tree.top"]
NOT_LISTED = ["worse-shop.top", "x.many-1.top", "other.top"]
# What each format can say besides names.
LISTED = {
    "csv": [*NAMES, "a.tree.top", "x.wild.top", "45.95.10.9", "45.95.12.7", "2a0e:b107::1", 'http://page.top/a,b"c?q=1', HASH],
    "stix": [*NAMES, "45.95.10.9", "45.95.12.7", "2a0e:b107::1", HASH],
    "plain": [*NAMES],
    "hosts": [*NAMES],
    "adblock": [*NAMES, "a.tree.top"],
    "dnsmasq": [*NAMES, "a.tree.top"],
    "unbound": [*NAMES, "a.tree.top"],
    "rpz": [*NAMES, "a.tree.top", "x.wild.top"],
}
LISTED["ndjson"] = LISTED["csv"]

program, folder, *files = sys.argv[1:]
for file in files:
    word = file.rsplit("/", 1)[1].split(".")[0]
    wardnet = [program, "--data-dir", f"{folder}/{word}"]
    category = [] if word in ("csv", "ndjson", "stix") else ["--category", "phishing"]
    told = subprocess.run([*wardnet, "ingest", "--source", "other", *category, "--json", file], capture_output=True, text=True)
    assert told.returncode == 0, (file, told.stdout, told.stderr)
    told = json.loads(told.stdout)
    # For unbound each name takes a line that says nothing of it.
    assert told["accepted"] >= 2000 and (word == "unbound" or told["rejected"] <= 1), (file, told)
    asked = LISTED[word] + NOT_LISTED
    answers = subprocess.run([*wardnet, "lookup", "--json", "-"], input="\n".join(asked), capture_output=True, text=True)
    bands = {one["input"]: one["band"] for one in map(json.loads, answers.stdout.splitlines())}
    listed = [name for name in asked if bands[name] != "unrated"]
    assert listed == LISTED[word], (file, told["format"], set(LISTED[word]) ^ set(listed))
