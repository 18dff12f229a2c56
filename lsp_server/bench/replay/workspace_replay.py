"""One server in one workspace, driven through the plans of its files."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from lsp_server.bench.client.editor import EditorSession
from lsp_server.bench.client.handshake import Workspace, initialize
from lsp_server.bench.client.lsp_client import LspClient
from lsp_server.bench.client.server_counters import Work, read_work, wait_until_read
from lsp_server.bench.commits.examples import examples_of
from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.editors import EditorName, EditorRules
from lsp_server.bench.editors.keystrokes import Typing, type_block
from lsp_server.bench.editors.neovim import Neovim
from lsp_server.bench.editors.plain import Plain
from lsp_server.bench.editors.session_page import SessionPage
from lsp_server.bench.editors.vscode import VisualStudioCode
from lsp_server.bench.replay.blocks import STEP_AFTER_COLON, Block
from lsp_server.bench.replay.gaps import Gap, score_gap
from lsp_server.bench.replay.plans import FilePlan
from lsp_server.bench.replay.points import score_point
from lsp_server.bench.replay.readiness import wait_until_ready
from lsp_server.bench.replay.records import BlockRecord, GapRecord, PointRecord, Records, sum_work
from lsp_server.bench.texts.files import SourceFile
from lsp_server.bench.texts.forms import DEFAULT_UNIT, own_unit_or_none
from lsp_server.bench.texts.python_text import closing_marks_in
from lsp_server.contract.languages.profiles import has_grammar

Watch = Callable[[str], None]
"""Told the name of a file each time a point, a block or a gap of it is done."""


class WorkspaceReplay:
    """A server from its start to its end; use it in a `with`."""

    def __init__(
        self, config: ReplayConfig, plans: Sequence[FilePlan], cwd: Path, watch: Watch
    ) -> None:
        self._config, self._plans, self._watch = config, plans, watch
        self._stack = ExitStack()
        self._client = LspClient(config.command, cwd, configuration=config.options)
        self._stack.enter_context(self._client)
        self._points: list[PointRecord] = []
        self._blocks: list[BlockRecord] = []
        self._gaps: list[GapRecord] = []
        self._works: list[Work | None] = []

    def __enter__(self) -> "WorkspaceReplay":
        """Waits until the server has its model and has read the project."""
        config = self._config
        with ExitStack() as on_failure:
            on_failure.callback(self._stack.close)
            root = self._plans[0].file.root
            workspace = Workspace(root=root, options=config.options, inline=not config.menu)
            self._facts = initialize(self._client, workspace, config.start_timeout)
            self._session = EditorSession(self._client, self._facts, config)
            self._model = wait_until_ready(self._session, [plan.file for plan in self._plans])
            wait_until_read(self._client, self._facts, config.ready_timeout)
            on_failure.pop_all()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _exception: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def replay_file(self, plan: FilePlan) -> None:
        """Opens the file, replays its plan and closes it."""
        self._session.open(plan.file)
        self._replay_points(plan)
        before = read_work(self._client, self._facts, self._config.start_timeout)
        self._replay_blocks(plan)
        self._replay_additions(plan)
        after = read_work(self._client, self._facts, self._config.start_timeout)
        self._works.append(after - before if after and before else None)
        self._replay_gaps(plan)
        self._session.close()

    def records(self) -> Records:
        """All that was measured so far."""
        return Records(
            server=self._facts,
            model=self._model,
            points=tuple(self._points),
            blocks=tuple(self._blocks),
            work=sum_work(self._works),
            gaps=tuple(self._gaps),
        )

    def _replay_points(self, plan: FilePlan) -> None:
        """Asks at each point of the open file with the rest of its line cut off."""
        for point in plan.points:
            (answer,) = self._session.ask_without(point.start, point.start + len(point.cut))
            score = score_point(point, answer.offers)
            self._points.append(PointRecord(plan.file.name, point.line + 1, score, answer))
            self._watch(plan.file.name)

    def _replay_blocks(self, plan: FilePlan) -> None:
        """Deletes each block of the open file and types it again."""
        for block in plan.blocks:
            self._session.replace(block.start, block.start + len(block.text), "")
            self._type(plan.file, block, plan.file.text)

    def _replay_additions(self, plan: FilePlan) -> None:
        """Types each addition into the open file, which becomes what stood there before it."""
        for addition in plan.additions:
            self._session.become(addition.before)
            self._type(plan.file, addition.block, addition.text)

    def _type(self, file: SourceFile, block: Block, text: str) -> None:
        """Types a block of `text` into the open document, which lacks it."""
        page = SessionPage(self._session, block.start)
        tally = type_block(block, page, typing_of(self._config, text, block, file.language))
        examples = examples_of(block, page.looks, self._config.shortest)
        record = BlockRecord(file.name, block.line + 1, tally, page.answers, examples)
        self._blocks.append(record)
        self._watch(file.name)

    def _replay_gaps(self, plan: FilePlan) -> None:
        """Asks at each gap of the open file, as while one types and explicitly."""
        for gap in plan.gaps:
            self._gaps.append(self._replay_gap(plan, gap))
            self._watch(plan.file.name)

    def _replay_gap(self, plan: FilePlan, gap: Gap) -> GapRecord:
        answers = self._session.ask_without(
            gap.start, gap.start + len(gap.cut), explicit=(False, True)
        )
        typing, asked = (score_gap(gap, plan.file.text, answer.offers) for answer in answers)
        return GapRecord(plan.file.name, gap.line + 1, gap.kind, typing, asked)


def typing_of(config: ReplayConfig, text: str, block: Block, language: str) -> Typing:
    """How a block of a file is typed in the configuration's editor."""
    if not has_grammar(language):
        rules = Plain(len(config.form.unit) or STEP_AFTER_COLON, language)
        return Typing(rules, {}, config.shortest, judged=False)
    closing = closing_marks_in(text, block.start, block.start + len(block.text))
    return Typing(rules_of(config, text), closing, config.shortest)


def rules_of(config: ReplayConfig, text: str) -> EditorRules:
    """The editor's rules for a file, with its own unit of indentation."""
    if config.editor is EditorName.PLAIN:
        return Plain(len(config.form.unit) or STEP_AFTER_COLON)
    unit = config.form.unit or own_unit_or_none(text) or DEFAULT_UNIT
    return Neovim(unit) if config.editor is EditorName.NEOVIM else VisualStudioCode(unit)
