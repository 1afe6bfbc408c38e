"""SVG: a drawing of a plotting library → one that can stand inside a page with a strict policy."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_SHAPES = "svg g defs path rect line circle polygon polyline text tspan use clipPath"
_SETTINGS = """viewBox d x y x1 y1 x2 y2 cx cy r rx ry width height points transform id clip-path fill fill-opacity fill-rule stroke
stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-dasharray stroke-dashoffset opacity font-size font-weight text-anchor"""
_ELEMENTS, _ATTRIBUTES = (frozenset(names.split()) for names in (_SHAPES, _SETTINGS))
_INK = ("#000000", "#000", "black")


def embeddable(drawing: bytes) -> str:
    """*drawing* with nothing but shapes and text, styles as attributes, and black as the colour of the text around it.

    A page whose policy forbids ``style`` attributes can hold it. Scripts, links, pictures and foreign elements are dropped.
    """
    root = ElementTree.fromstring(drawing)
    used = {value[1:] for element in root.iter() for value in [element.get(_LINK, "")] if value.startswith("#")}
    used |= {value[5:-1] for element in root.iter() for value in [element.get("clip-path", "")] if value.startswith("url(#")}
    kept = _kept(root, used)
    assert kept is not None
    for size in ("width", "height"):
        kept.attrib.pop(size, None)
    kept.set("class", "plot")
    kept.set("aria-hidden", "true")
    return ElementTree.tostring(kept, encoding="unicode")


def _kept(element: ElementTree.Element, used: set[str]) -> ElementTree.Element | None:
    name = element.tag.removeprefix(_SVG) if isinstance(element.tag, str) else ""
    if name not in _ELEMENTS:
        return None
    kept = ElementTree.Element(name)
    styles = dict(part.split(":", 1) for part in element.get("style", "").split(";") if ":" in part)
    given = {key.strip(): value.strip() for key, value in (styles | element.attrib).items()}
    for key, value in given.items():
        if key == _LINK and value.startswith("#"):
            kept.set("href", value)
        elif key == "id" and value not in used:
            continue
        elif key in _ATTRIBUTES and ("url(" not in value or value.startswith("url(#")):
            kept.set(key, "currentColor" if value in _INK else value)
    # The shorthand is no attribute; the family is the page's.
    size = next((part for part in given.get("font", "").split() if part.endswith("px")), None)
    if size:
        kept.set("font-size", size)
    if name == "text" and "fill" not in kept.attrib:
        kept.set("fill", "currentColor")
    kept.text, kept.tail = element.text, element.tail
    kept.extend(child for child in (_kept(child, used) for child in element) if child is not None)
    return kept
