"""Reads the lists as a feed of MISP's, by PyMISP."""

import hashlib
import json
import os
import urllib.request

from pymisp import MISPEvent

URL, TOKEN = os.environ["URL"], os.environ["TOKEN"]


def take(path):
    request = urllib.request.Request(f"{URL}/v1/export/{path}", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as reply:
        return reply.read().decode()


def events():
    manifest = json.loads(take("misp/manifest.json"))
    for uuid, head in manifest.items():
        event = MISPEvent()
        event.from_json(take(f"misp/{uuid}.json"))
        assert (event.uuid, event.info) == (uuid, head["info"]), (uuid, head)
        assert event.Orgc.name == "Wardnet" and event.published
        assert str(int(event.timestamp.timestamp())) == head["timestamp"]
        yield event


first = list(events())
attributes = [one for event in first for one in event.attributes]
values = {one.value for one in attributes}
assert len(values) == len(attributes)
assert all(one.to_ids for one in attributes)
plain = set(take("plain").split("\n")) - {""}
assert values == plain, values ^ plain
kinds = {one.type for one in attributes}
assert kinds == {"domain", "ip-dst", "url", "sha256"}, kinds
by_info = {event.info: {one.value for one in event.attributes} for event in first}
assert "tree.top" in by_info["Wardnet: malware"] and "45.95.12.7" in by_info["Wardnet: c2"]

ids = {one.value: one.uuid for one in attributes}
again = {one.value: one.uuid for event in events() for one in event.attributes}
assert ids == again

digests = dict(line.split(",") for line in take("misp/hashes.csv").split())
assert len(digests) == len(values)
for event in first:
    for one in event.attributes:
        assert digests[hashlib.md5(one.value.encode()).hexdigest()] == event.uuid
