"""A page as a browser would take it: nesting, text, what it would load."""

import re
from html.parser import HTMLParser

_VOID = {"meta", "br", "link", "img", "input", "hr"}
_LOADS = {"src", "href", "srcset", "data", "action", "xlink:href", "poster", "background"}
_RUNS = {"script", "iframe", "object", "embed", "link", "img", "base", "form"}


class Outline(HTMLParser):
    """Asserts that tags close in order; keeps text by tag, attributes, and what could run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []  # innermost tag, text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice"
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self) -> str:
        """All that is read, without the style."""
        return re.sub(r"\s+", " ", " ".join(text for tag, text in self.texts if tag != "style"))

    def all(self, tag: str, css: str | None = None) -> list[dict[str, str]]:
        """Attributes of every such tag, of one class if given."""
        found = [attributes for name, attributes in self.tags if name == tag]
        return [a for a in found if css is None or css in a.get("class", "").split()]


def outline(html: str) -> Outline:
    """The page; AssertionError if it is not well nested, or could run or load anything."""
    page = Outline()
    page.feed(html)
    page.close()
    assert page.open == []
    assert not _RUNS & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not _LOADS & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
    styles = "".join(text for tag, text in page.texts if tag == "style")
    styles += "".join(attributes.get("style", "") for _, attributes in page.tags)
    assert "url(" not in styles
    assert "@import" not in styles
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    return page
