"""Background jobs in one SQLite file."""

from millrace.backoff import BackoffPolicy
from millrace.job import Job, JobState
from millrace.producer import Queue
from millrace.registry import handler

__all__ = ["BackoffPolicy", "Job", "JobState", "Queue", "handler"]

__version__ = "1.4.0"
