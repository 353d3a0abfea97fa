"""Repeating requests that Microsoft's client does not repeat by itself.

What it does repeat is left to it: 500, 503 and 504, and every refusal that says when to try again. Of a POST
it does not repeat what was answered 408, 429 or 502 without saying so, nor one whose connection was cut, as
it cannot know whether the work was done. Here all ids are fixed, so that the answer "it exists" means that
the work was done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from remotebatch_azurebatch.accounts.errors import explain

TRIES = 6
FIRST_PAUSE = 0.2
"""Seconds before the second try; each further pause is twice the one before."""
JOB_HAS_ENDED = frozenset(
    {"jobcompleted", "jobbeingterminated", "jobbeingdeleted", "jobnotactive", "jobnotfound"}
)
"""Codes of refusals by a job that has ended or is about to."""
TOO_LARGE = 413
_NOT_REPEATED = frozenset({408, 429, 502})
"""Passing failures after which the client repeats no POST, unless the answer says when to."""

Answer = TypeVar("Answer")


def insist(request: Callable[[], Answer], doing: str) -> Answer:
    """Repeat a request that the client does not repeat by itself.

    :raises HttpResponseError: if it is answered otherwise.
    :raises ProviderUnavailable: if its connection fails each time.
    """
    pause = FIRST_PAUSE
    for _ in range(TRIES - 1):
        try:
            return request()
        except HttpResponseError as error:
            if error.status_code not in _NOT_REPEATED:
                raise
        except (ServiceRequestError, ServiceResponseError):
            pass
        time.sleep(pause)
        pause *= 2
    try:
        return request()
    except (ServiceRequestError, ServiceResponseError) as error:
        raise explain(error, doing) from error
