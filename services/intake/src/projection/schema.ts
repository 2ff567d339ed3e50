/** The projection's tables. They hold what is read, never what cannot be had from `EVENTS` again. */

/** Raised with every change of the tables or of what is written into them; another version is rebuilt from the stream. */
export const schemaVersion = 6;

/** Times are milliseconds since 1970, of the broker's clock. */
export const tables = `
  CREATE TABLE progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    created_seq INTEGER NOT NULL UNIQUE,
    pool TEXT NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT,
    image TEXT NOT NULL,
    has_setup INTEGER NOT NULL,
    labels TEXT NOT NULL,
    vm TEXT,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    exit_code INTEGER,
    process_ms REAL,
    error TEXT,
    artifacts TEXT NOT NULL DEFAULT '[]',
    result TEXT NOT NULL DEFAULT 'null',
    pipeline TEXT,
    question TEXT,
    -- Who may speak for it: how far it is, the host that must run it (or any), the host of its VM. That has its files, too.
    course TEXT NOT NULL,
    bound_to TEXT NOT NULL,
    vm_host TEXT
  ) STRICT;
  CREATE INDEX tasks_by_state ON tasks (status, pool, outcome, created_at);
  CREATE INDEX tasks_by_end ON tasks (completed_at) WHERE completed_at IS NOT NULL;

  CREATE TABLE pipelines (
    id TEXT PRIMARY KEY,
    created_seq INTEGER NOT NULL UNIQUE,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    resumed_from TEXT,
    fixed TEXT NOT NULL,
    state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX pipelines_by_origin ON pipelines (resumed_from) WHERE resumed_from IS NOT NULL;

  CREATE TABLE attempts (
    task TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    vm TEXT,
    host TEXT,
    started_at INTEGER,
    setup_done_at INTEGER,
    ended_at INTEGER,
    exit_code INTEGER,
    error TEXT,
    PRIMARY KEY (task, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE task_events (
    task TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    PRIMARY KEY (task, seq)
  ) STRICT, WITHOUT ROWID;

  -- Of which types and versions events were passed over: a build that can read them makes the projection anew.
  CREATE TABLE unread (
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (type, version)
  ) STRICT, WITHOUT ROWID;

  PRAGMA user_version = ${schemaVersion};
`;
