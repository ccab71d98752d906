"""Firefox, told to resolve over our DoH only, opens a page by a good name and not by a blocked one.

`firefox.py WORK PORT`: the folder with the resolver's certificate, and the port of DoH.
"""

import http.server
import json
import pathlib
import subprocess
import sys
import threading

from marionette_driver import errors
from marionette_driver.marionette import Marionette

WORK, DOH = pathlib.Path(sys.argv[1]), int(sys.argv[2])
FIREFOX = "/usr/bin/firefox-esr"


class Page(http.server.BaseHTTPRequestHandler):
    """A page that names the host it was asked for."""

    def do_GET(self):
        body = f"<title>served {self.headers['Host'].split(':')[0]}</title>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def preferences(marionette_port):
    return {
        "marionette.port": marionette_port,
        # Only over DoH: no way back to the system's resolver.
        "network.trr.mode": 3,
        "network.trr.uri": f"https://127.0.0.1:{DOH}/dns-query",
        "network.trr.bootstrapAddr": "127.0.0.1",
        "network.trr.wait-for-portal": False,
        "network.trr.confirmationNS": "skip",
        "network.trr.allow-rfc1918": True,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "app.normandy.enabled": False,
        "app.update.enabled": False,
        "browser.safebrowsing.malware.enabled": False,
        "browser.safebrowsing.phishing.enabled": False,
        "browser.fixup.fallback-to-https": False,
        "dom.security.https_first": False,
        "dom.security.https_first_schemeless": False,
        "services.settings.server": "data:,",
        "toolkit.telemetry.server": "",
    }


def profile(marionette_port):
    """A fresh profile that trusts the resolver's certificate authority."""
    folder = WORK / "firefox"
    folder.mkdir()
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in preferences(marionette_port).items()
    ]
    (folder / "user.js").write_text("\n".join(lines))
    subprocess.run(
        ["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], check=True, timeout=60
    )
    subprocess.run(
        ["certutil", "-A", "-d", f"sql:{folder}", "-n", "test", "-t", "C,,", "-i", WORK / "ca.pem"],
        check=True,
        timeout=60,
    )
    return folder


def title(browser, url):
    """The title of the page, or the error that Firefox shows in its place."""
    try:
        browser.navigate(url)
    except errors.UnknownException as error:
        return f"error: {error.message}"
    return browser.title


def free_port():
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        return server.server_port


def main():
    pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    port = free_port()
    command = [FIREFOX, "--headless", "--marionette", "--profile", profile(port), "--no-remote"]
    with open(WORK / "firefox.log", "wb") as log:
        firefox = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            browser = Marionette(host="127.0.0.1", port=port, startup_timeout=120)
            browser.start_session(timeout=120)
            good = title(browser, f"http://page.good.top:{pages.server_port}/")
            assert good == "served page.good.top", good
            bad = title(browser, f"http://page.bad.top:{pages.server_port}/")
            assert "dnsNotFound" in bad, bad
            resolved = browser.execute_script("return document.documentURI")
            assert resolved.startswith("about:neterror?e=dnsNotFound"), resolved
        finally:
            firefox.terminate()
            firefox.wait(timeout=30)
    print("Firefox opened the good page, and told of the blocked one that there is none")


main()
