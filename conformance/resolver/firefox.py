"""Firefox, told to resolve over our DoH only, opens a page by a good name and not by a blocked one.

Where the policy says so, it shows the block page in place of a blocked one, and reports a mistake.

`firefox.py WORK PORT PORT PORT`: the folder with the resolver's certificate, the port of DoH, the port of
DoH that leads to the block page, and that page's own.
"""

import pathlib
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).parent.parent))

from browser import Pages, firefox, shown, title

WORK = pathlib.Path(sys.argv[1])
DOH, WITH_PAGE, PAGE = map(int, sys.argv[2:])
SECONDS = 30
PREFERENCES = {
    # Only over DoH: no way back to the system's resolver.
    "network.trr.mode": 3,
    "network.trr.bootstrapAddr": "127.0.0.1",
    "network.trr.wait-for-portal": False,
    "network.trr.confirmationNS": "skip",
    "network.trr.allow-rfc1918": True,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
}


def preferences(port):
    return {**PREFERENCES, "network.trr.uri": f"https://127.0.0.1:{port}/dns-query"}


def profile(name):
    """A fresh profile that trusts the resolver's certificate authority."""
    folder = WORK / name
    folder.mkdir()
    store = ["-d", f"sql:{folder}"]
    subprocess.run(["certutil", "-N", *store, "--empty-password"], check=True, timeout=60)
    trust = ["-n", "test", "-t", "C,,", "-i", WORK / "ca.pem"]
    subprocess.run(["certutil", "-A", *store, *trust], check=True, timeout=60)
    return folder


def names():
    pages = Pages()
    with firefox(profile("firefox"), preferences(DOH)) as browser:
        good = title(browser, f"http://page.good.top:{pages.server_port}/")
        assert good == "served page.good.top/", good
        bad = title(browser, f"http://page.bad.top:{pages.server_port}/")
        assert "dnsNotFound" in bad, bad
        assert shown(browser).startswith("about:neterror?e=dnsNotFound"), shown(browser)
    print("Firefox opened the good page, and told of the blocked one that there is none")


def body(browser):
    return browser.execute_script("return document.body.innerText")


def block_page():
    with firefox(profile("firefox-page"), preferences(WITH_PAGE)) as browser:
        looks_bad = f"http://www.paypal.com.account-verify.top:{PAGE}/"
        assert title(browser, looks_bad) == "This page is blocked", browser.title
        assert "nobody has listed it yet" in body(browser), body(browser)
        assert title(browser, f"http://page.bad.top:{PAGE}/any") == "This page is blocked"
        text = body(browser)
        for part in ["page.bad.top", "decision", "Call the help desk"]:
            assert part in text, text
        picture = browser.screenshot(format="binary")
        (WORK / "block-page.png").write_bytes(picture)
        browser.find_element("css selector", "summary").click()
        browser.find_element("id", "note").send_keys("it is my own shop")
        browser.find_element("css selector", "button").click()
        deadline = time.monotonic() + SECONDS
        while "Thank you" not in body(browser):
            assert time.monotonic() < deadline, body(browser)
            time.sleep(0.1)
    print("Firefox showed the block page, and reported a mistake from it")


names()
block_page()
