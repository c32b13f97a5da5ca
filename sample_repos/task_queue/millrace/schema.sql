-- One row a job. Times are UTC, ISO 8601 with microseconds, so that text order is time order.
CREATE TABLE IF NOT EXISTS jobs (
    id           INTEGER PRIMARY KEY,
    kind         TEXT    NOT NULL,
    payload      TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'ready', 'leased', 'done', 'dead')),
    priority     INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 5,
    start_after  TEXT,
    leased_by    TEXT,
    lease_until  TEXT,
    unique_key   TEXT,
    last_error   TEXT,
    created_at   TEXT    NOT NULL,
    finished_at  TEXT
);

-- The order in which workers pick.
CREATE INDEX IF NOT EXISTS jobs_by_urgency ON jobs (state, priority DESC, id);

-- Two unfinished jobs may not share a key; finished ones may.
CREATE UNIQUE INDEX IF NOT EXISTS one_unfinished_job_a_key
    ON jobs (kind, unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('waiting', 'ready', 'leased');

-- What the crontab has already fired, so that two schedulers do not fire it twice.
CREATE TABLE IF NOT EXISTS firings (
    entry    TEXT NOT NULL,
    due_at   TEXT NOT NULL,
    PRIMARY KEY (entry, due_at)
);
