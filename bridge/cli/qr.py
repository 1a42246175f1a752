"""A link for a phone's camera."""

import io

BORDER = 2  # modules; a terminal's own background is around it
WHITE, UPPER, LOWER = "█▀▄"


def drawn(link: str) -> str:
    """The link as a QR code of half blocks, light on a dark terminal."""
    import segno  # only `--lan` needs it

    text = io.StringIO()
    segno.make_qr(link).terminal(text, compact=True, border=BORDER)
    return text.getvalue().rstrip("\n")


def can_show(encoding: str) -> bool:
    """Whether a terminal of this encoding has half blocks."""
    try:
        (WHITE + UPPER + LOWER).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
