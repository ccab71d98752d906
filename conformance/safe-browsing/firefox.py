"""Firefox, by its preferences alone, takes our lists: a red page for a listed URL, and no other."""

import os
import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).parent.parent))

from browser import Pages, firefox, shown, title

URL, KEY, WORK = os.environ["URL"], os.environ["KEY"], pathlib.Path(os.environ["WORK"])
PROVIDER = "browser.safebrowsing.provider.google5"
PREFERENCES = {
    # Among what is recommended for tests is to turn Safe Browsing off.
    "remote.prefs.recommended": False,
    "network.dns.localDomains": "page.bad.top,page.good.top,page.mixed.top",
    f"{PROVIDER}.updateURL": f"{URL}/v5/hashLists:batchGet?key={KEY}",
    f"{PROVIDER}.gethashURL": f"{URL}/v5/hashes:search?key={KEY}",
    # Firefox updates only with a key of Google's, unless a provider has its own.
    f"{PROVIDER}.excludeFromGoogleSafeBrowsingKeyCheck": True,
    f"{PROVIDER}.nextupdatetime": "1",
    "browser.safebrowsing.downloads.remote.enabled": False,
}


def becomes_red(browser, url):
    """Opens a page until Firefox, which updates in the background, refuses it."""
    for _ in range(120):
        seen = title(browser, url)
        if shown(browser).startswith("about:blocked"):
            return shown(browser)
        time.sleep(1)
    raise AssertionError(f"{url} is not blocked: {seen}")


def main():
    pages = Pages()
    page = lambda rest: f"http://{rest.replace('/', f':{pages.server_port}/', 1)}"
    with firefox(WORK / "firefox", PREFERENCES) as browser:
        red = becomes_red(browser, page("page.bad.top/any"))
        assert "e=malwareBlocked" in red, red
        # Once it has the lists, what is dangerous is never fetched.
        pages.fetched.clear()
        red = becomes_red(browser, page("page.mixed.top/bad/login.html?user=1"))
        assert "e=deceptiveBlocked" in red, red
        becomes_red(browser, page("page.mixed.top/evil/deep/page"))
        becomes_red(browser, page("page.bad.top/"))
        assert not pages.fetched, pages.fetched
        for good in ["page.good.top/", "page.mixed.top/", "page.mixed.top/bad/login.html"]:
            seen = title(browser, page(good))
            assert seen == f"served {good}", seen
    print("Firefox shows its red page for what is listed, never fetches it, and opens the rest")


main()
