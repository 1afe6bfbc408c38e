"""Boundaries: whether a full stop in English news text ends a sentence, and on which side of it a quotation mark stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

QUOTES = '"“”„‟«»＂″'
SINGLE_QUOTES = "'‘’‛`"
OPENERS = "“„‟«‘‛([{"
CLOSERS = "”»’)]}"

_MARGINS = frozenset(QUOTES + SINGLE_QUOTES + OPENERS + CLOSERS)
_LOOKBACK = 40


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Titles and the like: what follows belongs to them.
_BOUND = _words(
    """
    mr mrs ms mx messrs dr drs prof sen sens rep reps gov govs gen gens lt col cols maj capt cmdr cdr sgt adm brig pvt cpl pres rev
    hon atty supt det insp amb vs v cf eg e.g i.e viz approx ca fig figs pp ft mt asst assoc dep spc pfc sra
    """
)
# Abbreviations that end a sentence only where a new one plainly begins.
_LOOSE = _words(
    """
    inc corp co ltd llc bros jr sr dept ave blvd st rd sgts no nos vol sec art al etc ala ariz ark calif colo conn del fla ga ill ind
    kan ky la mass md mich minn miss mo mont neb nev okla ore pa penn tenn tex vt va wash wis wyo
    """
)
_NUMBERED = _words("no nos p pp art sec fig vol vols ch para jan feb mar apr jun jul aug sep sept oct nov dec")
_ABBREVIATIONS = _BOUND | _LOOSE | _NUMBERED
_STARTERS = _words(
    """
    the a an this that these those he she it they we i you in on at but and or so for as if when while after before with from by to of
    his her their our my its there here what who why how where not yes now then also however still yet some many most both even
    according since although though despite during last earlier later meanwhile critics officials asked it’s it's he’s he's that’s
    that's
    """
)
_CLOCK_FOLLOWERS = _words(
    """
    mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday january february march april
    may june july august september october november december jan feb mar apr jun jul aug sept sep oct nov dec et est edt ct cst cdt mt
    mst mdt pt pst pdt gmt utc bst cet eastern central mountain pacific
    """
)
_DOMAINS = _words("com org net gov edu info biz io js py tv co uk us eu ca de fr html htm php pdf aspx")
_SHORT_WORDS = _words("A I He We It In On At Of To By My If So As An No Is Or Up Do Be Go Us")
_CLOCK = re.compile(r"(?:\d|^)[ap]\.?m\.$", re.IGNORECASE)
_INITIALS = re.compile(r"(?:[A-Z]\.){2,}$|(?:[A-Za-z]{1,2}\.){2,}$")
_INITIAL = re.compile(r"(?:[A-Z]-)?[A-HJ-Z]\.$|[A-Z]-I\.$")
_PARTY = re.compile(r"[DRI]-[A-Z][a-z]{1,5}\.$")
_WORD = re.compile(r"[^\W_]+(?:[’'][^\W_]+)?")
_QUOTATION = re.compile(r'“[^“”"]{1,2000}”|(?<![^\W_])"[^"“”]{1,2000}"')
# "[Editor's insertion]." belongs to the sentence before it.
_INSERTION = re.compile(r"\[[^\[\]]{1,80}\][.?!](?![^\s\"”’')])")
# A plain lower-case word or a bracket before the stop, a capital after it: no abbreviation to doubt.
_PLAIN_END = re.compile(
    r"(?:(?<![^\W_])[a-z]{2,}[.?!][\"”’')\]]{0,4}|[.?!][\"”’']{0,2}[)\]][\"”’']{0,2}|[)\]][.?!])(\s+)(?=[\"“‘(\[]{0,3}[A-Z])"
)

# Where a sentence may begin in text that has no capitals: after a word and its stop, or after a stop that no abbreviation has.
_NEXT = re.compile(r"(?:(?<![\w.’'-])(\d+|\w[\w’'-]+)\.|[?!…]|[%)\]]\.)[\"”’')\]]{0,4}\s+[\"“‘'(\[]{0,3}[a-z]")


def capitalised(text: str) -> str:
    """``text`` of the same length; where it is all in small letters, with a capital after each stop, by which a sentence is told."""
    return _NEXT.sub(_with_capital, text) if text.islower() else text


def _with_capital(match: re.Match[str]) -> str:
    found = match.group()
    return found if match.group(1) in _ABBREVIATIONS else found[:-1] + found[-1].upper()


def gap(text: str, position: int) -> tuple[int, int]:
    """``(left, right)``: ``text[left:right]`` is the white space, quotation marks and brackets around ``position``, 40 at most a side."""
    left = right = position
    while left > max(0, position - _LOOKBACK) and (text[left - 1].isspace() or text[left - 1] in _MARGINS):
        left -= 1
    while right < min(len(text), position + _LOOKBACK) and (text[right].isspace() or text[right] in _MARGINS):
        right += 1
    return left, right


def plain_ends(text: str) -> Iterator[int]:
    """Positions in white space where a sentence ends that a splitter may have missed, in a bracket or a quotation for instance."""
    return (match.start(1) for match in _PLAIN_END.finditer(text))


def quotations(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the quotations of ``text``, marks included: in order, opened and closed, of at most 2,000 code points."""
    return (match.span() for match in _QUOTATION.finditer(text))


def is_boundary(text: str, left: int, right: int) -> bool:
    """Whether a sentence ends at ``left`` and the next begins at ``right``, where a splitter has proposed it.

    ``text[left:right]`` is the gap of white space, quotation marks and brackets between the two.
    """
    if left == 0 or right == len(text):
        return True
    between = text[left:right]
    bracket = text.find("[", left, right)
    if bracket >= 0 and _INSERTION.match(text, bracket):
        return False
    spaced = any(character.isspace() for character in between)
    before = (text[max(0, left - _LOOKBACK) : left].split() or [""])[-1].lstrip("".join(_MARGINS) + "—–-…/")
    match = _WORD.match(text, right, min(len(text), right + _LOOKBACK))
    after = match.group() if match else ""
    if after[:1].islower() and not any(character.isupper() for character in after):
        return False
    if not spaced:
        return before[-1:] in "。！？" or (bool(after) and _run_together(text, before, after, right))
    if text[right] in "—–" and any(mark in between for mark in '”"') and text[right + 1 : right + 3].strip()[:1].isupper():
        return False
    if not before.endswith("."):
        return True
    stem = before[:-1].lower()
    starts = after.lower() in _STARTERS or any(mark in between for mark in '“"')
    if after[:1].isdigit() and stem in _NUMBERED:
        return False
    if stem in _BOUND:
        return False
    if _CLOCK.search(before):
        return not (after.lower() in _CLOCK_FOLLOWERS or after[:1].isdigit())
    if stem in ("no", "art", "miss", "ill", "mass", "wash", "la", "co", "st", "del") and before[:1].islower():
        return True
    if stem == "no":
        return True
    if stem in _LOOSE or _INITIALS.match(before) or _INITIAL.match(before) or _PARTY.match(before):
        return starts or not after
    return True


def _run_together(text: str, before: str, after: str, right: int) -> bool:
    """Whether "vital.October" are two sentences: no domain ("Paper.Com"), file name, abbreviation ("e.g.Foo") or initialism ("U.S.A")."""
    word = before.rstrip(".?!" + "".join(_MARGINS))
    if "." in word or "@" in before or "/" in before or before.lower().startswith("www"):
        return False
    if not ((len(word) >= 2 and word[-1].islower()) or word[-1:] in "%)" or word[-2:].isdigit()):
        return False
    if after.lower() in _DOMAINS or not (after in _SHORT_WORDS or len(after) >= 3):
        return False
    if not after[0].isupper() or not (after[1:2].islower() or after in _SHORT_WORDS):
        return False
    end = right + len(after)
    return not (text[end : end + 1] in ".@_/" and text[end + 1 : end + 2].isalnum())


def cut(text: str, left: int, right: int, *, open_quote: bool) -> int:
    """Where in the gap ``text[left:right]`` the next sentence begins: each mark stays with the word it is written against.

    A mark that stands alone goes by its shape; a straight one closes where ``open_quote``, that is where an odd number of straight
    double quotation marks precede the gap.
    """
    position = left
    while position < right and not text[position].isspace() and (text[position] not in OPENERS):
        if text[position] == '"':
            if not open_quote and position + 1 == right:
                break
            open_quote = not open_quote
        position += 1
    attached = right
    while attached > position and not text[attached - 1].isspace():
        attached -= 1
    for index in range(position, attached):
        mark = text[index]
        if mark.isspace():
            continue
        if mark in CLOSERS or (mark == '"' and open_quote):
            position = index + 1
            open_quote = open_quote and mark != '"'
        else:
            return index
    return max(position, attached)
