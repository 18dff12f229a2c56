"""Writes the model card from the figures of a run."""

from dataclasses import dataclass
from typing import Any

from lsp_server.contract.bundles.manifest import Measurement, Provenance
from trainer.export.config import BundleConfig
from trainer.tasks.memorisation import GIVEN, WRITTEN

STAGE = ": "
"""After a tuning stage's name, in the names of its facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """All that a card states."""

    config: BundleConfig
    network: dict[str, Any]
    """facts.json of the export stage."""
    precision: str
    provenance: Provenance
    corpus: dict[str, Any]
    """report.json of the dedup stage."""
    parity: dict[str, Any]
    """parity.json of the export stage."""
    evaluation: tuple[Measurement, ...]


def write_card(facts: CardFacts) -> str:
    """The whole card."""
    sections = (
        title(facts),
        training_section(facts),
        *tuning_sections(facts),
        data_section(facts),
        evaluation_section(facts),
        parity_section(facts),
        limits_section(facts),
        reproduction_section(facts),
    )
    return "\n\n".join(sections) + "\n"


def title(facts: CardFacts) -> str:
    """Name and what the model is."""
    network = facts.network
    return (
        f"# {facts.config.name} {facts.config.version}\n\n"
        f"Completes code ({', '.join(facts.config.languages)}) at the cursor, from the text before "
        f"and after it. {network['architecture']}, {network['parameters']:,} parameters, "
        f"vocabulary {network['vocabulary']:,}, context {network['context']:,} tokens, matrices in "
        f"{facts.precision}. Runs on the user's machine with onnxruntime; sends nothing anywhere."
    )


def training_section(facts: CardFacts) -> str:
    """What the pretraining stage recorded."""
    rows = [[name, value] for name, value in facts.provenance.training.items() if STAGE not in name]
    figures = table(["", ""], [*rows, ["seed", str(facts.provenance.seed)]])
    return "## Training\n\n" + "\n\n".join([figures, *facts.config.notes])


def tuning_sections(facts: CardFacts) -> list[str]:
    """What the tuning stages recorded, after pretraining; no section where there was none."""
    named = [(name.partition(STAGE), value) for name, value in facts.provenance.training.items()]
    rows = [[stage, figure, value] for (stage, found, figure), value in named if found]
    return ["## Tuning\n\n" + table(["stage", "", ""], rows)] if rows else []


def data_section(facts: CardFacts) -> str:
    """Source, decisions, licences and the ledger's hash."""
    decisions = [
        [decision, f"{count['documents']:,}", f"{count['bytes'] / 1e6:,.1f}"]
        for decision, count in facts.corpus["decisions"].items()
    ]
    licences = [[name, f"{count:,}"] for name, count in facts.provenance.licences.items()]
    heldout = len(facts.corpus["heldout_repositories"])
    return (
        "## Data\n\n"
        "Every document that was looked at, with its repository, commit, licence and decision, is "
        f"in the ledger with SHA-256 `{facts.provenance.ledger_sha256}` (over its sorted rows). "
        f"Trained on {facts.corpus['train_repositories']:,} repositories; {heldout:,} others are "
        "held out whole and give the figures below.\n\n"
        + table(["decision", "documents", "MB"], decisions)
        + "\n\nLicences of the documents trained on:\n\n"
        + table(["licence", "documents"], licences)
    )


def evaluation_section(facts: CardFacts) -> str:
    """The evaluation table with its intervals."""
    rows = [
        [
            row.metric,
            f"{row.value:.4g} {row.unit}",
            f"{row.low:.4g} to {row.high:.4g}",
            f"{row.n:,}",
            row.note,
        ]
        for row in facts.evaluation
    ]
    head = ["metric", "value", "95 % interval", "cases", "note"]
    return "## Evaluation\n\n" + table(head, rows)


def parity_section(facts: CardFacts) -> str:
    """How the graphs were proven to be the trained model."""
    oracle = facts.parity["fp32"]
    text = (
        "## From PyTorch to ONNX\n\n"
        f"After {oracle['prompts']} held-out prompts the float32 graph wrote {oracle['steps']:,} "
        f"tokens; {oracle['mismatches']} of them are not PyTorch's greedy choice, and "
        f"{oracle['ties']} are its equal (logits within {oracle['tie_gap']:g}). Logits differ by "
        f"at most {oracle['largest_difference']:.1g}."
    )
    if facts.precision not in facts.parity or facts.precision == "fp32":
        return text
    shipped = facts.parity[facts.precision]
    lost = ""
    if "lost_low" in shipped:  # not in a run that an earlier version exported
        bounds = f"{shipped['lost_low']:.2f} to {shipped['lost_high']:.2f}"
        lost = f" (lost {shipped['lost_points']:.2f} points, 95 % interval {bounds})"
    return (
        f"{text} The {facts.precision} graph, which is shipped, completes "
        f"{shipped['exact_match']:.2f} % of {shipped['cursors']:,} held-out lines exactly, the "
        f"float32 graph {shipped['exact_match_fp32']:.2f} %{lost}; both write the same text at "
        f"{shipped['same_text']:.1f} % of them."
    )


def limits_section(facts: CardFacts) -> str:
    """What not to expect."""
    return (
        "## Limits\n\n"
        f"- It sees {facts.network['context']:,} tokens around the cursor and no other file: names "
        "defined elsewhere it can only guess.\n"
        "- It imitates the code it was trained on: text that looks right may be wrong, insecure or "
        "outdated. Read what you accept.\n"
        f"- With {facts.network['parameters'] / 1e6:.1f} million parameters it completes lines, "
        "calls and idioms; it does not write programs. The longer the text, the worse it gets, and "
        "libraries that are rare in its data come out badly.\n"
        "- Docstrings, comments and other natural language are weaker than code.\n"
        f"- {memory_sentence(facts.evaluation)}"
    )


def memory_sentence(evaluation: tuple[Measurement, ...]) -> str:
    """What is known of verbatim copies."""
    found = {row.metric: row for row in evaluation}
    if "memorised/training" not in found:
        return "A verbatim copy of training text is possible; nobody looked for any."
    trained, fresh = found["memorised/training"], found["memorised/heldout"]
    return (
        f"Verbatim copies: given {GIVEN} tokens of its training text it writes the next {WRITTEN} "
        f"to the letter in {trained.value:.2g} % of {trained.n:,} cases; of text that it never "
        f"saw, in {fresh.value:.2g} %."
    )


def reproduction_section(facts: CardFacts) -> str:
    """The commands that make the bundle again."""
    recipe = facts.provenance.recipe
    return (
        "## Reproduce\n\n"
        f"`{recipe}` beside this card holds every setting.\n\n"
        "```\n"
        f"lory-train all --recipe {recipe} --run runs/again\n"
        "lory bundle check runs/again/bundle/bundle\n"
        "lory bench replay --files FOLDER --option bundle=runs/again/bundle/bundle\n"
        "```\n\n"
        "Sources that changed since give another ledger, so compare its hash first. A training "
        "budget in minutes gives as many steps as the machine is fast."
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
