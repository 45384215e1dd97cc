"""A browser without a window: follows the redirects of a login, and keeps cookies.

As a program it opens its argument, so that it can be the value of the variable BROWSER.
"""

import http.cookiejar
import sys
import urllib.error
import urllib.parse
import urllib.request


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def follow(url, until=None):
    """Opens a URL. Returns the first redirect that starts with `until`, without following it, or else the last URL."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(NoRedirect, urllib.request.HTTPCookieProcessor(jar))
    for _ in range(20):
        if until and url.startswith(until):
            return url
        try:
            with browser.open(url, timeout=20):
                return url
        except urllib.error.HTTPError as answer:
            location = answer.headers.get("Location")
            if location is None:
                raise
            url = urllib.parse.urljoin(url, location)
    raise RuntimeError(f"too many redirects: {url}")


if __name__ == "__main__":
    follow(sys.argv[1])
