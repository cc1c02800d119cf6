"""Text that databases can hold, terminals can show, and prompts can carry. Pure and total."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Controls of C0 and C1, and the characters that reorder, hide or carry text unseen (Unicode TR 36 and 39): all format
# characters but those of Arabic and its kin that show, and all of Default_Ignorable_Code_Point.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# They only choose between two shapes of the character before them, as an emoji's; a run of them can spell a message.
_SHAPES = re.compile("[\ufe00-\ufe0f]+")


def is_storable(text: str) -> bool:
    """Whether the databases can hold the text: it has neither NUL nor a lone surrogate."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """The text with U+FFFD in place of what the databases cannot hold."""
    return _UNSTORABLE.sub("\ufffd", text)


def visible(text: str) -> str:
    """The text without what a reader would not see or a terminal would obey; line feeds and tabs stay."""
    return _UNSEEN.sub("\ufffd", _SHAPES.sub("", storable(text).replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """The visible text on one line, with single spaces."""
    return " ".join(visible(text).split())


def cut(text: str, limit: int) -> str:
    """The text, or its beginning with a visible mark where it is longer than `limit` characters, mark included."""
    if len(text) <= limit:
        return text
    mark = f" […cut, {len(text):,} characters in all]"
    return text[: max(0, limit - len(mark))] + mark[:limit]


def is_cut(text: str) -> bool:
    """Whether `cut` left something out of the text."""
    return _CUT.search(text) is not None


_CUT = re.compile(r" \[…cut, [\d,]+ characters in all\]\Z")
