"""The trainer's errors as one tree; each message says expected, found, next step.

TrainerError
├── RecipeError     an unknown recipe, key or value
├── SourceError     a source that cannot be read
├── CorpusError     a corpus that is empty or damaged
├── StageError      a stage whose inputs are missing or were made with other settings
├── PreferenceError preferences that cannot be read, or that no reward can be learned from
├── RewardError     a reward that cannot be built, learned or trusted
│   └── WorkerEnded a process that rewards ran in, in `alignment/rewards/worker.py`
├── CheckpointError a checkpoint that cannot be written or read
├── ExportError     a graph that differs from the model it came from
├── ImportModelError a model of others that cannot be read, is not understood or may not be used
└── SandboxError    a sandbox that cannot be set up
"""


class TrainerError(Exception):
    """What the trainer can explain in one line; the command line prints it and exits 2."""


class RecipeError(TrainerError):
    """A recipe is unknown, or one of its keys or values is."""


class SourceError(TrainerError):
    """A source of documents cannot be read at all."""


class CorpusError(TrainerError):
    """A corpus is empty after a stage, or its files are damaged."""


class StageError(TrainerError):
    """A stage misses its inputs, or was finished with other settings."""


class PreferenceError(TrainerError):
    """Preferences cannot be read, are none, or are all of one side."""


class RewardError(TrainerError):
    """A reward cannot be built, has nothing to learn from, or fails too often."""


class CheckpointError(TrainerError):
    """A checkpoint could not be written or read."""


class ExportError(TrainerError):
    """The exported graph fails its parity gate, or the model has no exporter."""


class ImportModelError(TrainerError):
    """A model that others made cannot be read, or is of a kind that is not understood."""


class SandboxError(TrainerError):
    """Code cannot be run under the limits that were asked for."""
