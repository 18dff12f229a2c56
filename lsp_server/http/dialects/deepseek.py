"""DeepSeek's beta completions: OpenAI's by another path."""

from lsp_server.http.dialects.dialect import Dialect, Route
from lsp_server.http.dialects.openai import complete

DIALECT = Dialect(
    name="deepseek",
    routes=(Route(method="POST", path="/beta/completions", answer=complete),),
)
