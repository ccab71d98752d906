"""gglsbl keeps its database by version 4: whole lists, differences, checksums, searches.

`gglsbl_client.py FOLDER`: the folder of a Google client with the description of version 4.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

from googleapiclient.discovery import build_from_document

URL, KEY, WORK = os.environ["URL"], os.environ["KEY"], os.environ["WORK"]
FOLDER = pathlib.Path(sys.argv[1]) / "discovery_cache" / "documents"
DOCUMENT = json.loads((FOLDER / "safebrowsing.v4.json").read_text())
DOCUMENT["rootUrl"] = DOCUMENT["baseUrl"] = f"{URL}/"

import gglsbl.protocol

gglsbl.protocol.build = lambda *_, developerKey, **__: build_from_document(
    json.dumps(DOCUMENT), developerKey=developerKey
)

from gglsbl import SafeBrowsingList

BAD = ["http://many-5.top/landing", "http://www.bad.top/any/page", "http://45.95.11.7/x"]
GOOD = ["http://many-5.top/", "http://good.shop/", "http://page.mixed.top/"]


def wardnet(*arguments):
    binary, settings = os.environ["WARDNET_BIN"], f"{WORK}/wardnet.toml"
    command = [binary, "--data-dir", f"{WORK}/data", "--config", settings, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)


def update(client):
    """gglsbl raises when its list does not have the checksum that it is told."""
    client.update_hash_prefix_cache()
    # It takes what it does not know of for good until a second after the update.
    time.sleep(2)


def becomes(client, url, listed):
    """Updates until a URL is listed, or is not."""
    for _ in range(30):
        update(client)
        if bool(client.lookup_url(url)) == listed:
            return
    raise AssertionError(f"{url} does not become {'listed' if listed else 'unlisted'}")


def main():
    client = SafeBrowsingList(KEY, db_path=f"{WORK}/gglsbl.db", discard_fair_use_policy=True)
    update(client)
    for url in BAD:
        assert client.lookup_url(url), f"{url} is not listed"
    for url in GOOD:
        assert not client.lookup_url(url), f"{url} is listed"
    wardnet("block", "new-one.top")
    becomes(client, "http://new-one.top/", True)
    wardnet("decisions", "withdraw", "new-one.top")
    becomes(client, "http://new-one.top/", False)
    wardnet("allow", "many-5.top")
    becomes(client, BAD[0], False)
    print("whole lists and differences have the right checksums; listed and unlisted URLs told apart")


main()
