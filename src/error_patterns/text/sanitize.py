"""Text that databases can hold, terminals can show, and prompts can carry. Pure and total."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Controls of C0 and C1, and characters that reorder, hide or carry text unseen (Unicode TR 36 and 39): the format
# characters, without the visible ones of Arabic and its kin, and all of Default_Ignorable_Code_Point.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# They only choose the shape of the character before them, as an emoji's; a run of them can spell a message.
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f]+")
_CUT_MARK = re.compile(r" \[…cut, [\d,]+ characters in all\]")


def is_storable(text: str) -> bool:
    """Return whether the databases can hold the text: it has neither NUL nor a lone surrogate."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """Replace what the databases cannot hold by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def visible(text: str) -> str:
    """Replace invisible characters and terminal controls by U+FFFD; line feeds and tabs stay."""
    return _INVISIBLE.sub("\ufffd", _VARIATION_SELECTORS.sub("", storable(text).replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """Return the visible text on one line, with single spaces."""
    return " ".join(visible(text).split())


def cut(text: str, limit: int, *, keep_end: bool = False) -> str:
    """Shorten a text to `limit` characters, including a visible mark where something was left out.

    The beginning of the text stays; with `keep_end`, the beginning and the end, in equal parts.
    """
    if len(text) <= limit:
        return text
    mark = f" […cut, {len(text):,} characters in all]{' ' if keep_end else ''}"
    room = max(0, limit - len(mark))
    end = text[len(text) - room // 2 :] if keep_end else ""
    return text[: room - len(end)] + mark[:limit] + end


def last_part(text: str, characters: int) -> str:
    """Return the last characters of a text, from the beginning of a line if there is one soon."""
    if len(text) <= characters:
        return text
    part = text[-characters:]
    cut_line, newline, whole_lines = part.partition("\n")
    return whole_lines if newline and len(cut_line) <= characters // 3 else part


def is_cut(text: str) -> bool:
    """Return whether the text has the mark of `cut`."""
    return _CUT_MARK.search(text) is not None
