"""Firefox, told to resolve over our DoH only, opens a page by a good name and not by a blocked one.

`firefox.py WORK PORT`: the folder with the resolver's certificate, and the port of DoH.
"""

import pathlib
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent))

from browser import Pages, firefox, shown, title

WORK, DOH = pathlib.Path(sys.argv[1]), int(sys.argv[2])
PREFERENCES = {
    # Only over DoH: no way back to the system's resolver.
    "network.trr.mode": 3,
    "network.trr.uri": f"https://127.0.0.1:{DOH}/dns-query",
    "network.trr.bootstrapAddr": "127.0.0.1",
    "network.trr.wait-for-portal": False,
    "network.trr.confirmationNS": "skip",
    "network.trr.allow-rfc1918": True,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
}


def profile():
    """A fresh profile that trusts the resolver's certificate authority."""
    folder = WORK / "firefox"
    folder.mkdir()
    store = ["-d", f"sql:{folder}"]
    subprocess.run(["certutil", "-N", *store, "--empty-password"], check=True, timeout=60)
    trust = ["-n", "test", "-t", "C,,", "-i", WORK / "ca.pem"]
    subprocess.run(["certutil", "-A", *store, *trust], check=True, timeout=60)
    return folder


def main():
    pages = Pages()
    with firefox(profile(), PREFERENCES) as browser:
        good = title(browser, f"http://page.good.top:{pages.server_port}/")
        assert good == "served page.good.top/", good
        bad = title(browser, f"http://page.bad.top:{pages.server_port}/")
        assert "dnsNotFound" in bad, bad
        assert shown(browser).startswith("about:neterror?e=dnsNotFound"), shown(browser)
    print("Firefox opened the good page, and told of the blocked one that there is none")


main()
