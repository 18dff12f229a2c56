"""The built-in context plugins: what they find, and that it stays while one types."""

import pytest
from tokenizers import Tokenizer

from lsp_server.completion.context.edits import EditsContext
from lsp_server.completion.context.imports import ImportsContext
from lsp_server.completion.context.plugin import Context, ContextPlugin, Cursor, read_file
from lsp_server.completion.context.similar import SimilarContext
from lsp_server.completion.suggestion import parts_of
from lsp_server.contract.prompt import SENTINELS, Budget, Sentinel, assemble, decode
from lsp_server.documents.positions import Position
from lsp_server.documents.text_documents import Edit
from tests.lsp_server.completion.context.conftest import MARK, Project

API = '''class Client:
    """Talks to the server."""

    def send(self, payload, retries=3):
        return payload


def connect(host, port=80): ...


def unused(): ...
'''
RETRY = """def deliver(queue, channel):
    for message in queue.pending_messages():
        if channel.accepts(message):
            channel.publish(message.body, priority=message.priority)
            queue.acknowledge(message)
"""
MAIN = "from api import Client, connect, unused\n\n\ndef main():\n    c = Client()\n    |\n"


def related(plugin: ContextPlugin, cursor: Cursor) -> Context:
    """What a plugin and the file give."""
    return read_file(cursor, plugin(cursor, Context()))


def texts(context: Context) -> str:
    """All related text."""
    return "".join(snippet.shown for snippet in context.related)


def test_imported_names_that_stand_near_the_cursor_are_shown_by_their_heads(
    project: Project,
) -> None:
    project.write("api.py", API)
    found = related(ImportsContext(), project.cursor("main.py", MAIN))
    assert texts(found) == (
        "# api.py\n"
        "class Client:\n"
        '    """Talks to the server."""\n'
        "    def send(self, payload, retries=3): ...\n\n\n"
    )


def test_of_a_module_the_attributes_in_use_are_shown(project: Project) -> None:
    project.write("api.py", API)
    cursor = project.cursor("main.py", "import api\n\nx = api.connect(1)\ny = |\n")
    assert "def connect(host, port=80): ...\n" in texts(related(ImportsContext(), cursor))
    assert "unused" not in texts(related(ImportsContext(), cursor))


def test_the_file_that_reads_most_alike_is_shown_and_nearest_stands_last(project: Project) -> None:
    project.write("pkg/retry.py", RETRY)
    project.write("pkg/other.py", "def area(width, height):\n    return width * height\n")
    cursor = project.cursor(
        "pkg/main.py",
        "def resend(queue, channel):\n    for message in queue.pending_messages():\n        |\n",
    )
    found = related(SimilarContext(), cursor).related
    assert found[-1].path == "pkg/retry.py"
    assert found[-1].text == RETRY


def test_an_open_document_is_shown_as_it_stands_and_not_as_the_disk_has_it(
    project: Project,
) -> None:
    project.write("retry.py", RETRY)
    project.open("retry.py", RETRY.replace("publish", "broadcast"))
    cursor = project.cursor("main.py", "for message in queue.pending_messages():\n    |")
    shown = texts(related(SimilarContext(), cursor))
    assert "broadcast" in shown
    assert "publish" not in shown


@pytest.mark.parametrize("plugin", [ImportsContext, SimilarContext, EditsContext])
def test_the_disks_version_of_the_cursors_file_is_never_shown(
    project: Project, plugin: type, opened: list[str]
) -> None:
    project.write("main.py", RETRY)
    project.write("again.py", "from main import deliver\n")
    opened.clear()
    cursor = project.cursor("main.py", "from again import deliver\nqueue.pending_messages(|")
    assert "acknowledge" not in texts(related(plugin(), cursor))
    assert not [name for name in opened if name.endswith("main.py")]


def test_text_that_may_not_be_read_any_more_is_not_shown_again(project: Project) -> None:
    project.write("api.py", API)
    plugin = ImportsContext()
    assert texts(related(plugin, project.cursor("main.py", MAIN)))
    project.exclude = ("api.py",)
    assert not texts(related(plugin, project.cursor("main.py", MAIN)))


def test_edits_elsewhere_are_shown_without_what_was_deleted(project: Project) -> None:
    project.open("other.py", "a = 1\nb = 2\n")
    uri = project.uri("other.py")
    project.documents.edit(uri, [Edit(Position(1, 4), Position(1, 5), "secret")])
    project.documents.edit(uri, [Edit(Position(1, 4), Position(1, 10), "changed")])
    found = texts(related(EditsContext(), project.cursor("main.py", "x = |")))
    assert found == "# other.py\nb = changed\n\n\n"


@pytest.mark.parametrize("plugin", [ImportsContext, SimilarContext, EditsContext])
def test_typing_fifty_keys_changes_no_related_text(project: Project, plugin: type) -> None:
    project.write("api.py", API)
    project.write("retry.py", RETRY)
    project.open("notes.py", "")
    project.documents.edit(project.uri("notes.py"), ["first"])
    made = plugin()
    typed = "connect(queue)\n    unused(message)\n    deliver(channel)\n"
    seen = set()
    for at in range(min(50, len(typed))):
        marked = MAIN.replace(MARK, typed[:at] + MARK)
        seen.add(related(made, project.cursor("main.py", marked)).related)
    assert len(seen) == 1


def test_elsewhere_in_the_file_the_related_text_is_chosen_anew(project: Project) -> None:
    project.write("api.py", API)
    plugin = ImportsContext()
    body = MAIN.replace(MARK, "") + "\n" * 60 + "connect()\n"
    first = related(plugin, project.cursor("main.py", body[:60] + MARK + body[60:]))
    second = related(plugin, project.cursor("main.py", body + MARK))
    assert first.related != second.related


@pytest.mark.parametrize("name", ["api", "main"])
def test_an_import_that_is_being_typed_changes_nothing_yet(project: Project, name: str) -> None:
    project.write("api.py", API)
    plugin = ImportsContext()
    seen = set()
    statement = f"from {name} import connect"
    for at in range(len(statement)):
        marked = f"{statement[:at]}|\n{MAIN.replace(MARK, '')}"
        seen.add(related(plugin, project.cursor("main.py", marked)).related)
    assert len(seen) == 1


@pytest.mark.parametrize("sentinel", SENTINELS)
def test_a_sentinel_in_related_text_stays_text(
    project: Project, small_tokenizer: Tokenizer, sentinel: str
) -> None:
    project.write("api.py", f'def connect(a="{sentinel}"): ...\n')
    cursor = project.cursor("main.py", "from api import connect\nconnect(|")
    context = related(ImportsContext(), cursor)
    prompt = assemble(small_tokenizer, parts_of(context), Budget(context=800))
    assert sum(token <= max(Sentinel) for token in prompt.ids) == 4
    assert sentinel in decode(small_tokenizer, prompt.ids)
