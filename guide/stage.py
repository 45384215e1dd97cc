"""Copies the guide to a folder from which mdBook builds it: stage.py FOLDER

On a code host, links lead to any file of the repository. A book has only its chapters: each document that they link to becomes a
chapter of an appendix, and each other file is copied beside them.
"""

import os
import pathlib
import re
import shutil
import sys

GUIDE = pathlib.Path(__file__).resolve().parent
ROOT = GUIDE.parent
LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")


def staged(path):
    """The path of such a file in the book."""
    return pathlib.PurePosixPath("repository") / path.relative_to(ROOT).as_posix()


def main(folder):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(GUIDE / "src", folder / "src")
    shutil.copy(GUIDE / "book.toml", folder)
    files = set()
    pending = sorted((GUIDE / "src").rglob("*.md"))
    while pending:
        document = pending.pop()
        is_chapter = document.is_relative_to(GUIDE / "src")
        place = document.relative_to(GUIDE / "src") if is_chapter else staged(document)

        def link(match):
            if "://" in match[1]:
                return match[0]
            anchor, path = match[2] or "", pathlib.Path(os.path.normpath(document.parent / match[1]))
            if path.is_relative_to(GUIDE / "src"):
                to = path.relative_to(GUIDE / "src")
            elif path in files or (is_chapter and path.is_file()):
                if path not in files and path.suffix == ".md":
                    pending.append(path)
                files.add(path)
                to = staged(path)
            else:
                # Only what chapters link to is part of the book.
                return "](#)"
            return f"]({os.path.relpath(to, place.parent)}{anchor})"

        text = LINK.sub(link, document.read_text())
        to = folder / "src" / place
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
    for path in files:
        if path.suffix != ".md":
            to = folder / "src" / staged(path)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
    with open(folder / "src" / "SUMMARY.md", "a") as summary:
        summary.write("\n# Documents of the repository\n\n")
        for path in sorted(path for path in files if path.suffix == ".md"):
            title = path.read_text().splitlines()[0].lstrip("# ")
            summary.write(f"- [{title}]({staged(path)})\n")


main(pathlib.Path(sys.argv[1]))
