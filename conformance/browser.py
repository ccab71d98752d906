"""Firefox for conformance cases: a page to open, preferences that keep it quiet, and Marionette."""

import contextlib
import http.server
import json
import subprocess
import threading

from marionette_driver import errors
from marionette_driver.marionette import Marionette

FIREFOX = "/usr/bin/firefox-esr"

# Nothing is asked of the internet, and no address is made into another.
QUIET = {
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.fixup.fallback-to-https": False,
    "dom.security.https_first": False,
    "dom.security.https_first_schemeless": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "",
}


class Pages(http.server.ThreadingHTTPServer):
    """Serves, on a port of its own, pages that name what was asked for; `fetched` lists it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Page)
        self.fetched = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers["Host"].split(":")[0] + self.path
        self.server.fetched.append(asked)
        body = f"<title>served {asked}</title>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port():
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        return server.server_port


@contextlib.contextmanager
def firefox(folder, preferences):
    """A session of Firefox with these preferences, in a profile that may have been begun."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    all_of_them = {**QUIET, **preferences, "marionette.port": port}
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in all_of_them.items()]
    (folder / "user.js").write_text("\n".join(lines))
    command = [FIREFOX, "--headless", "--marionette", "--profile", folder, "--no-remote"]
    with open(folder.parent / "firefox.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            browser = Marionette(host="127.0.0.1", port=port, startup_timeout=120)
            browser.start_session(timeout=120)
            yield browser
        finally:
            process.terminate()
            process.wait(timeout=60)


def title(browser, url):
    """The title of the page, or the error that Firefox shows in its place."""
    try:
        browser.navigate(url)
    except errors.UnknownException as error:
        return f"error: {error.message}"
    return browser.title


def shown(browser):
    """Where the browser really is: of an error page, its own address."""
    return browser.execute_script("return document.documentURI")
