"""Google's API client, made from Google's description of version 5, with each reply held against it."""

import base64
import hashlib
import json
import os
import pathlib

import googleapiclient
from googleapiclient.discovery import build_from_document

URL, KEY = os.environ["URL"], os.environ["KEY"]
FOLDER = pathlib.Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"


def described(name):
    """The description, with our server in the place of Google's."""
    document = json.loads((FOLDER / name).read_text())
    document["rootUrl"] = document["baseUrl"] = f"{URL}/"
    return document


DOCUMENT = described("safebrowsing.v5.json")


def hold(value, schema, where):
    """Fails where a value is not what its schema says, or is not in it."""
    if "$ref" in schema:
        schema = DOCUMENT["schemas"][schema["$ref"]]
    kind = schema.get("type")
    if kind == "object":
        for name, inner in value.items():
            assert name in schema["properties"], f"{where}.{name} is not in the description"
            hold(inner, schema["properties"][name], f"{where}.{name}")
    elif kind == "array":
        for inner in value:
            hold(inner, schema["items"], f"{where}[]")
    elif kind == "string":
        assert isinstance(value, str), where
        if "enum" in schema:
            assert value in schema["enum"], f"{where}: {value}"
        if schema.get("format") == "byte":
            base64.b64decode(value, validate=True)
        if schema.get("format") == "google-duration":
            assert value.endswith("s") and float(value[:-1]) >= 0, f"{where}: {value}"
        if schema.get("format") == "uint64":
            assert 0 <= int(value) < 2**64, f"{where}: {value}"
    elif kind == "integer":
        assert isinstance(value, int), where
    elif kind == "boolean":
        assert isinstance(value, bool), where
    else:
        raise AssertionError(f"{where}: a {kind}")


def call(method, request):
    reply = request.execute()
    hold(reply, method["response"], method["id"])
    return reply


def read_rice(coded, bits, parameters):
    """The numbers in a coded list, as the description of its fields says."""
    number = int(coded.get("firstValue", 0))
    numbers, count = [number], coded.get("entriesCount", 0)
    parameter = coded["riceParameter"]
    assert parameters[0] <= parameter <= parameters[1], parameter
    data = base64.b64decode(coded.get("encodedData", ""))
    stream = int.from_bytes(data, "little")
    at = 0
    for _ in range(count):
        quotient = 0
        while stream >> at & 1:
            quotient, at = quotient + 1, at + 1
        at += 1
        number += (quotient << parameter) + (stream >> at & ((1 << parameter) - 1))
        at += parameter
        numbers.append(number)
    assert at <= len(data) * 8 and all(number < 1 << bits for number in numbers)
    return numbers


def digest(text):
    return hashlib.sha256(text.encode()).digest()


def main():
    service = build_from_document(DOCUMENT, developerKey=KEY)
    methods = {name: each["methods"] for name, each in DOCUMENT["resources"].items()}

    names = [each["name"] for each in call(methods["hashLists"]["list"], service.hashLists().list())["hashLists"]]
    assert {"se-4b", "mw-4b", "uws-4b", "pha-4b", "gc-32b", "se-8b"} <= set(names), names

    batch = methods["hashLists"]["batchGet"]
    # Browsers ask for all of Google's lists at once; those that are not kept here are empty.
    asked = [*names, "mwb-4b"]
    lists = call(batch, service.hashLists().batchGet(names=asked))["hashLists"]
    assert [each["name"] for each in lists] == asked, "another order"
    by_name = {each["name"]: each for each in lists}

    phishing = by_name["se-4b"]
    numbers = read_rice(phishing["additionsFourBytes"], 32, (3, 30))
    prefixes = b"".join(number.to_bytes(4, "big") for number in numbers)
    assert hashlib.sha256(prefixes).digest() == base64.b64decode(phishing["sha256Checksum"])
    assert numbers == sorted(set(numbers))
    found = {number.to_bytes(4, "big") for number in numbers}
    assert digest("many-17.top/landing")[:4] in found
    assert digest("page.mixed.top/bad/login.html?user=1")[:4] in found
    assert digest("storage.googleapis.com/bucket-of-somebody/evil.html")[:4] in found
    for too_much in ["page.mixed.top/", "storage.googleapis.com/", "github.io/"]:
        assert digest(too_much)[:4] not in found, too_much

    eight = read_rice(by_name["se-8b"]["additionsEightBytes"], 64, (35, 62))
    assert len(eight) >= len(numbers) and digest("many-17.top/landing")[:8] in {
        number.to_bytes(8, "big") for number in eight
    }
    assert digest("bad.top/")[:4] in {
        number.to_bytes(4, "big")
        for number in read_rice(by_name["mw-4b"]["additionsFourBytes"], 32, (3, 30))
    }

    # Little at a time, until there is no more.
    version, taken, rounds = None, 0, 0
    while True:
        constraints = {"sizeConstraints_maxUpdateEntries": 1024}
        request = service.hashList().get(name="se-4b", **constraints, **({"version": version} if version else {}))
        part = call(methods["hashList"]["get"], request)
        taken += part.get("additionsFourBytes", {}).get("entriesCount", -1) + 1
        version, rounds = part["version"], rounds + 1
        assert rounds < 10
        if "minimumWaitDuration" in part:
            break
    assert taken == len(numbers) and rounds >= 3, (taken, rounds)
    unchanged = call(batch, service.hashLists().batchGet(names=["se-4b"], version=[version]))["hashLists"][0]
    assert unchanged["partialUpdate"] and "additionsFourBytes" not in unchanged, unchanged

    search = methods["hashes"]["search"]
    encode = lambda text: base64.b64encode(digest(text)[:4]).decode()
    reply = call(search, service.hashes().search(hashPrefixes=[encode("bad.top/"), encode("good.example/")]))
    (match,) = reply["fullHashes"]
    assert base64.b64decode(match["fullHash"]) == digest("bad.top/")
    assert match["fullHashDetails"] == [{"threatType": "MALWARE"}], match

    search = methods["urls"]["search"]
    urls = ["http://www.bad.top/x", "http://good.shop/", "http://page.mixed.top/evil/", "http://page.mixed.top/"]
    reply = call(search, service.urls().search(urls=urls))
    assert {each["url"] for each in reply["threats"]} == {urls[0], urls[2]}, reply
    print(f"lists of {len(numbers)} and {len(eight)} prefixes, whole and in {rounds} parts; searches")


main()
