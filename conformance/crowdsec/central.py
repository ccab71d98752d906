"""CrowdSec's own Python kit: a signal goes in, the list comes out."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request

from cscapi.client import CAPIClient, CAPIClientConfig
from cscapi.sql_storage import SQLStorage
from cscapi.utils import create_signal, generate_machine_id_from_key

WORK = os.environ["WORK"]
BASE = f"http://127.0.0.1:{os.environ['LAPI']}/v3"
BAD = "45.98.0.1"


def wardnet(*arguments, status=0):
    done = subprocess.run(
        [os.environ["WARDNET_BIN"], "--data-dir", f"{WORK}/data", *arguments],
        capture_output=True,
        text=True,
    )
    assert status is None or done.returncode == status, (arguments, done)
    return done.stdout


machine = generate_machine_id_from_key("kit", prefix="kit", length=32)
client = CAPIClient(
    SQLStorage(f"sqlite:///{WORK}/cscapi.db"),
    CAPIClientConfig(scenarios=["acme/http-bf"], max_retries=1, retry_delay=0, user_agent_prefix="wardnet"),
)
client.url = BASE
signal = create_signal(
    attacker_ip=BAD,
    scenario="acme/http-bf",
    created_at="2026-01-01T00:00:00+00:00",
    machine_id=machine,
    scenario_hash="",
    scenario_version="1",
    message="guesses passwords",
    context=[],
)

print("  a machine waits for the operator")
client.add_signals([signal])
assert client.send_signals() == 0, "a machine reported that nobody validated"
assert machine in wardnet("crowdsec", "machines")
assert "waits" in wardnet("crowdsec", "machines")
wardnet("lookup", BAD, status=10)

print("  signals become evidence of one source")
wardnet("crowdsec", "validate", machine)
stored = client.storage.get_machine_by_id(machine)
stored.is_failing = False
stored.token = None
client.storage.update_or_create_machine(stored)
assert client.send_signals(prune_after_send=False) == 1
told = wardnet("explain", BAD)
assert f"crowdsec:{machine}" in told and "brute-force" in told, told
client.add_signals([create_signal(
    attacker_ip=BAD, scenario=f"acme/other-{n}", created_at="2026-01-01T00:00:00+00:00",
    machine_id=machine, scenario_hash="", scenario_version="1", message="more", context=[],
) for n in range(20)])
before = wardnet("lookup", BAD, status=None)
assert client.send_signals(prune_after_send=False) == 20
after = wardnet("explain", BAD)
assert after.count(f"crowdsec:{machine}") <= told.count(f"crowdsec:{machine}"), after

wardnet("block", "45.98.9.9")
time.sleep(1)
print("  the list comes out")
decisions = client.get_decisions(machine, ["acme/http-bf"])
values = [one["value"] for group in decisions["new"] for one in group["decisions"]]
assert "45.98.9.9" in values and "192.0.2.1" not in values, decisions
assert set(decisions["links"]) == {"blocklists", "allowlists"}

print("  a forgotten machine is refused at once")
token = client.storage.get_machine_by_id(machine).token
wardnet("crowdsec", "remove", machine)
request = urllib.request.Request(f"{BASE}/decisions/stream", headers={"Authorization": token})
try:
    urllib.request.urlopen(request)
    raise AssertionError("a session outlives its machine")
except urllib.error.HTTPError as error:
    assert error.code == 401 and "message" in json.load(error)
