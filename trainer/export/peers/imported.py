"""Gives the peers a bundle's weights; of an imported one those of the model that it was made of."""

from pathlib import Path
from typing import Any

from lsp_server.contract.bundles.manifest import read_manifest
from trainer.errors import ExportError
from trainer.export.graph.weights import NetworkWeights, read_weights

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def peer_weights(bundle: Path) -> NetworkWeights:
    """A bundle's llama-style weights in float32, under transformers' names.

    An imported graph is not read back: its source is opened again, and its tables get the bundle's
    numbers. Raises ExportError where that is gone or another, or an adapter was merged.
    """
    facts = read_manifest(bundle).provenance.training
    origin = facts.get("imported from", "")
    if not origin:
        return read_weights(bundle / "model.onnx")
    if "adapter" in facts:
        raise ExportError(
            f"{bundle}: expected a model as others made it, found a merged adapter; "
            "measure the model without it, which is as fast"
        )
    return imported_weights(bundle, origin, facts["weights sha256"])


def imported_weights(bundle: Path, origin: str, digest: str) -> NetworkWeights:
    """The weights of a source, which must be the one of that digest."""
    from transformers import LlamaConfig

    from trainer.export.importing.importer import renumber_source
    from trainer.export.importing.renumbering import move_rows
    from trainer.export.importing.sources.find import find_source

    source = find_source(origin if Path(origin).exists() else origin.partition(" ")[0])
    if source.digest() != digest:
        raise ExportError(f"{bundle}: expected the weights of {origin}, found others there")
    if source.config["model_type"] != "llama":
        raise ExportError(f"{bundle}: expected a llama, found a {source.config['model_type']}")
    renumbered = renumber_source(source)
    settings: dict[str, Any] = {**source.config, "vocab_size": len(renumbered.rows)}
    config = LlamaConfig(**settings)
    weights = dict(source.tensors)
    if config.tie_word_embeddings:
        weights.pop(HEAD, None)
    for table in weights.keys() & {EMBEDDING, HEAD}:
        weights[table] = move_rows(weights[table], renumbered)
    return NetworkWeights(config, weights)
