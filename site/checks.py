"""Looks through a built site: links lead somewhere, pictures have words, nothing is loaded from another host."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"audio", "embed", "iframe", "img", "input", "script", "source", "video"}  # what `src` loads by itself


@dataclass
class Found:
    pages: int
    faults: list[str]
    external: list[str]  # links that a reader may follow to another host


class Page(HTMLParser):
    """The ids, the links and the faults of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.faults: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        have = {key: value or "" for key, value in attributes}
        self.ids |= {have[key] for key in ("id", "name") if key in have}
        if tag == "img" and not have.get("alt", "").strip():
            self.faults.append(f"a picture without words: {have.get('src', '')[:60]}")
        loaded = [have["src"]] if tag in LOADS and "src" in have else []
        loaded += [have["href"]] if tag == "link" and "href" in have else []
        self.faults += [f"loaded from another host: {link}" for link in loaded if _is_external(link)]
        if tag == "a" and "href" in have:
            loaded.append(have["href"])
        self.links += loaded


def check(folder: Path) -> Found:
    """Every page below `folder`, each link followed as far as it leads within the site."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts}
    faults, external = [], set()
    for path, page in pages.items():
        name = path.relative_to(folder).as_posix()
        faults += [f"{name}: {fault}" for fault in page.faults]
        for link in page.links:
            if _is_external(link):
                external.add(link)
            elif not link.startswith(("data:", "mailto:", "javascript:")) and not _leads(link, path, pages):
                faults.append(f"{name}: {link} leads nowhere")
    return Found(len(pages), faults, sorted(external))


def _is_external(link: str) -> bool:
    return link.startswith("//") or urlsplit(link).scheme in ("http", "https", "ftp")


def _leads(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not parts.fragment or target not in pages:
        return target.is_file()
    return unquote(parts.fragment) in pages[target].ids


if __name__ == "__main__":
    found = check(Path(sys.argv[1]).resolve())
    print("\n".join(found.faults))
    sys.exit(bool(found.faults))
