"""One small JSON request; only to addresses that the settings name."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from ioc.errors import Unavailable

WAIT_S = 5.0
ANSWER_MAX = 1_048_576  # bytes


def post_json(url: str, body: dict[str, Any], origin: str) -> dict[str, Any]:
    """POST and read the JSON answer, also of a refusal (status 4xx).

    Raises:
        Unavailable: nobody answers, or not with JSON.
    """
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json", "Origin": origin}
    )
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            found = json.loads(answer.read(ANSWER_MAX))
    except urllib.error.HTTPError as exc:
        found = json.loads(exc.read(ANSWER_MAX) or b"{}")
    except (OSError, ValueError) as exc:
        raise Unavailable("gateway", str(exc)) from exc
    return found if isinstance(found, dict) else {}
