"""Checks that the links within a built book lead to a page and an anchor: links.py FOLDER"""

import html.parser
import pathlib
import sys
import urllib.parse

# Parts of mdBook's own pages.
OWN = {"print.html", "404.html", "toc.html"}


class Page(html.parser.HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id"))
        if tag == "a" and (target := attributes.get("href")):
            self.links.append(target)


def main(folder):
    pages = {path: Page(path) for path in folder.rglob("*.html") if path.name not in OWN}
    wrong, checked = [], 0
    for path, page in pages.items():
        for link in page.links:
            target = urllib.parse.urlsplit(link)
            if target.scheme or target.netloc:
                continue
            checked += 1
            file = (path.parent / urllib.parse.unquote(target.path)).resolve() if target.path else path
            anchor = urllib.parse.unquote(target.fragment)
            if not file.exists():
                wrong.append(f"{path.relative_to(folder)}: {link}: no such file")
            elif anchor and file in pages and anchor not in pages[file].anchors:
                wrong.append(f"{path.relative_to(folder)}: {link}: no such anchor")
    if checked < 500:
        wrong.append(f"only {checked} links were found")
    print("\n".join(wrong) if wrong else f"{checked} links of {len(pages)} pages lead somewhere")
    sys.exit(bool(wrong))


main(pathlib.Path(sys.argv[1]).resolve())
