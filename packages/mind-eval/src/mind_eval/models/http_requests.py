"""Send one request to a server; again where that may help, and to no other host."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request

from mind_core import MindError
from mind_core.servers import answer_of, read_reply, redact, refuse_secret, retry_after

TRIES = 3
BUSY_TRIES = 8
"""Tries of a server that says it is busy (429, 503)."""

PAUSE = 0.5
LONGEST_PAUSE = 120.0
BUSY = (429, 503)
QUOTED = 200
"""Bytes of a server's own explanation in a message."""


def post(address: str, body: bytes, timeout: float, key: str | None, item: str) -> bytes:
    """Post JSON and return the answer's body; raise `MindError` that names the item."""
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(address, body, headers)
    cause, tries, attempt = "", TRIES, 0
    while attempt < tries:
        # Doubled each time: 0.5 s, 1 s, 2 s …
        pause = PAUSE * 2**attempt
        attempt += 1
        try:
            with answer_of(request, timeout, timeout) as response:
                return refuse_secret(read_reply(response, address), address, key)
        except urllib.error.HTTPError as error:
            cause = f"{error}: {_quoted(error)}"
            # The request itself is at fault (no such model, a wrong key): it would fail again.
            if error.code < 500 and error.code != 429:
                break
            if error.code in BUSY:
                # Such a server says itself that asking again helps, so it gets more tries than a
                # fault does.
                tries = BUSY_TRIES
                asked = retry_after(error.headers.get("Retry-After"))
                pause = pause if asked is None else asked
        except (OSError, http.client.HTTPException) as error:  # also what is not HTTP, or cut
            cause = f"{type(error).__name__}: {error}"
        if attempt < tries:
            # Bounded, as `Retry-After` may ask for hours.
            time.sleep(min(pause, LONGEST_PAUSE))
    raise MindError(
        f"{item}: {address.removesuffix('/completions').removesuffix('/chat')} gave no answer",
        cause=redact(cause, key),
        hint=f"check that the server answers {address} (most want …/v1), knows the model "
        "by this name and takes the key, or give it more --timeout",
    )


def _quoted(error: urllib.error.HTTPError) -> str:
    """Quote how a server explains a refusal."""
    try:
        return repr(error.read(QUOTED).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException):
        return "(no explanation)"
    finally:
        error.close()
