"""Which hosts weights may come from: the hub, its CDN, and a mirror that the user chose."""

from urllib.parse import urlsplit

HUB = ("huggingface.co", "hf.co")  # and their subdomains: the hub and its CDN
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
REDIRECTS = 5  # at most


def allowed(url: str, origin: str) -> bool:
    """Whether a download from `origin` may be redirected to `url`: over https to the hub or the
    same host; a local hub may redirect to this machine.
    """
    try:
        seen, began = urlsplit(url), urlsplit(origin)
    except ValueError:  # unclosed brackets, or no address in them
        return False
    host = seen.hostname or ""
    if host in LOOPBACK and began.hostname in LOOPBACK:
        return True
    known = host == began.hostname or any(host == h or host.endswith(f".{h}") for h in HUB)
    return seen.scheme == "https" and known
