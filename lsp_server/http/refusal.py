"""Why a request is not answered with what it asks for; each dialect words it in its own way."""

import math


class Refusal(Exception):
    """An answer other than 200. The message is fixed text: it never quotes what was sent."""

    def __init__(
        self, status: int, message: str, *, parameter: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.parameter = parameter
        """The field that is at fault; "" for none."""
        self.retry_after = max(1, math.ceil(retry_after)) if retry_after else 0
        """Seconds to wait before asking again; 0 where that does not help."""


KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "method_not_allowed_error",
    408: "timeout_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
    499: "cancelled",
    501: "not_supported_error",
    503: "unavailable_error",
}


def kind_of(status: int) -> str:
    """The name that OpenAI and llama.cpp give to a kind of error."""
    return KINDS.get(status, "server_error")
