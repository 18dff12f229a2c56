"""Routes for whoever runs the service: is it up, is it ready, its measures, today's figures."""

from starlette.responses import Response

from lsp_server.http.dialects.dialect import Call, Dialect, Route, json_reply
from lsp_server.http.operation.admin_page import admin_page
from lsp_server.http.refusal import Refusal

EXPOSITION = "text/plain; version=0.0.4"
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "no-store",
}


async def tell_alive(call: Call) -> Response:
    """`GET /livez`: the process answers."""
    return json_reply({"status": "ok"})


async def tell_ready(call: Call) -> Response:
    """`GET /readyz`: requests are answered."""
    if not call.service.is_ready:
        raise Refusal(503, "Not ready", retry_after=1)
    return json_reply({"status": "ok"})


async def tell_measures(call: Call) -> Response:
    """`GET /metrics`, for Prometheus."""
    return Response(call.service.measures.exposition(), media_type=EXPOSITION)


async def show_page(call: Call) -> Response:
    """`GET /admin`: today's figures, for people."""
    return Response(admin_page(call.service), media_type="text/html", headers=PAGE_HEADERS)


DIALECT = Dialect(
    name="operation",
    routes=(
        Route(method="GET", path="/livez", answer=tell_alive, is_public=True),
        Route(method="GET", path="/readyz", answer=tell_ready, is_public=True),
        Route(method="GET", path="/metrics", answer=tell_measures, is_admin=True),
        Route(method="GET", path="/admin", answer=show_page, is_admin=True),
    ),
)
