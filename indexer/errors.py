"""Every error that a person can meet, as one tree. A message says what is wrong and what to do next.

Front ends print `str(error)` and exit with 2; nothing else is shown. Programming errors are not here.
"""


class CodesearchError(Exception):
    """Base of all errors below; one clear sentence, fit to print as it is.

    `problem` is what is wrong, `remedy` what to do next, where a report tells the first alone; the
    sentence is both.
    """

    def __init__(self, problem: str = "", remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem


class InputError(CodesearchError):
    """The request cannot be served as asked: a bad path, mode, language, regex, limit or query."""


class IndexMissingError(CodesearchError):
    """There is no index where one was expected."""


class IndexMismatchError(CodesearchError):
    """The index was made by another model, settings or schema; the message names the field."""


class IndexCorruptError(CodesearchError):
    """A file of the index is damaged or gone."""


class IndexBusyError(CodesearchError):
    """Another process is writing this index; the message names it and its age."""


class NothingToIndexError(CodesearchError):
    """The tree holds no file that can be indexed."""


class CheckpointError(CodesearchError):
    """A model cannot be loaded: unknown, incomplete, of another architecture, or damaged."""


class TrainingError(CodesearchError):
    """A model cannot be trained: too little to train on, or training came apart."""


class StorageError(CodesearchError):
    """The disk is full or not writable."""


class BuildInterruptedError(CodesearchError):
    """A build was cancelled; the previous index is still in place."""


class ChatError(CodesearchError):
    """The chat model cannot be reached, refuses, or answers nonsense."""


class MissingExtraError(CodesearchError):
    """An optional package is needed; the message gives the install command."""
