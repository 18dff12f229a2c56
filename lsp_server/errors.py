"""The server's errors as one tree; each message says expected, found, next step.

LoryError
├── BundleError      a bundle that cannot be trusted or loaded
├── TokenizerError   a tokenizer file without Lory's sentinels
├── SettingsError    a setting that is unknown or out of range
├── PluginError      an entry point that cannot be loaded or that raised
├── ModelError       a model that cannot be added, chosen or removed
├── EngineError      the model cannot be run here
│   └── WaitedTooLong a request of the team's service, in `http/engine/fleet.py`
├── IndexingError    the project's files cannot be read in the background
├── FeedbackError    what became of suggestions cannot be kept or read
├── ServeError       the team's service cannot be started, or asked for that
└── BenchError       a replay that cannot be carried out
    ├── PeerDied     an engine beside Lory's has ended, in `bench/engines/peer_link.py`
    └── KeyRefused   the service wants another key, in `bench/serve/http_client.py`
"""


class LoryError(Exception):
    """What Lory can explain in one line; the command line prints it and exits 2."""


class BundleError(LoryError):
    """The bundle is missing a part, was changed, or is of another format."""


class TokenizerError(LoryError):
    """The tokenizer file does not carry Lory's sentinels at their ids."""


class SettingsError(LoryError):
    """A setting is unknown or out of range."""


class PluginError(LoryError):
    """A plugin cannot be loaded, or raised while it ran."""


class ModelError(LoryError):
    """A model cannot be added to those that are kept, chosen or removed."""


class EngineError(LoryError):
    """The engine cannot run the model on this machine."""


class IndexingError(LoryError):
    """The process that reads the project's files has failed."""


class FeedbackError(LoryError):
    """The feedback database cannot be had, or is of another schema."""


class ServeError(LoryError):
    """The service for a team cannot be started as told, or its keys cannot be read or written."""


class BenchError(LoryError):
    """A benchmark cannot be carried out: no files, or a server that does not answer."""
