/** The projection's tables. They hold what is read, never what cannot be had from `EVENTS` and `INBOX` again. */

/** Raised with every change of the tables or of what is written into them; another version is rebuilt from the stream. */
export const schemaVersion = 10;

/**
 * Times are milliseconds since 1970, of the broker's clock. A task, and a pipeline, is known to the other tables by the
 * sequence of its beginning, which is also their order in lists; every list has an index that ends in it.
 */
export const tables = `
  CREATE TABLE progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE tasks (
    created_seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    pool TEXT NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT,
    image TEXT NOT NULL,
    has_setup INTEGER NOT NULL,
    vm TEXT,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    exit_code INTEGER,
    process_ms REAL,
    error TEXT,
    artifacts TEXT NOT NULL DEFAULT '[]',
    unmatched TEXT NOT NULL DEFAULT '[]',
    result TEXT NOT NULL DEFAULT 'null',
    pipeline TEXT,
    team TEXT,
    question TEXT,
    -- Who may speak for it: how far it is, the host that must run it (or any), the host of its VM. That has its files, too.
    course TEXT NOT NULL,
    bound_to TEXT NOT NULL,
    vm_host TEXT
  ) STRICT;
  CREATE INDEX tasks_by_pool ON tasks (pool);
  CREATE INDEX tasks_by_team ON tasks (team) WHERE team IS NOT NULL;
  CREATE INDEX tasks_by_end ON tasks (completed_at) WHERE completed_at IS NOT NULL;
  -- Few tasks live at once, so these stay small.
  CREATE INDEX tasks_live ON tasks (status) WHERE completed_at IS NULL;
  CREATE INDEX tasks_queued ON tasks (pool) WHERE status = 'queued';

  CREATE TABLE task_labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    task INTEGER NOT NULL REFERENCES tasks (created_seq) ON DELETE CASCADE,
    PRIMARY KEY (name, value, task)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX labels_by_task ON task_labels (task);

  -- How many rows of tasks there are of each kind; no outcome, and no team, is ''.
  CREATE TABLE task_counts (
    status TEXT NOT NULL,
    pool TEXT NOT NULL,
    outcome TEXT NOT NULL,
    team TEXT NOT NULL,
    tasks INTEGER NOT NULL,
    PRIMARY KEY (status, pool, outcome, team)
  ) STRICT, WITHOUT ROWID;

  -- Of teams, by day (UTC): tasks that began, bytes that were left and may be kept.
  CREATE TABLE team_days (
    team TEXT NOT NULL,
    day INTEGER NOT NULL,
    tasks INTEGER NOT NULL,
    artifacts INTEGER NOT NULL,
    output INTEGER NOT NULL,
    PRIMARY KEY (team, day)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX team_days_by_day ON team_days (day);

  -- The output in it of tasks that are kept, for they take it with them.
  CREATE TABLE task_output (
    task INTEGER NOT NULL REFERENCES tasks (created_seq) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (task, day)
  ) STRICT, WITHOUT ROWID;

  -- Messages of teams in INBOX.
  CREATE TABLE messages (
    subject TEXT PRIMARY KEY,
    team TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX messages_by_team ON messages (team, expires_at);
  CREATE INDEX messages_by_end ON messages (expires_at);

  CREATE TABLE team_messages (
    team TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE message_progress (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE pipelines (
    created_seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    -- Of its last event.
    seq INTEGER NOT NULL,
    status TEXT NOT NULL,
    phase TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    resumed_from TEXT,
    team TEXT,
    fixed TEXT NOT NULL
  ) STRICT;
  CREATE INDEX pipelines_by_status ON pipelines (status);
  CREATE INDEX pipelines_by_team ON pipelines (team) WHERE team IS NOT NULL;
  CREATE INDEX pipelines_by_end ON pipelines (completed_at) WHERE completed_at IS NOT NULL;
  CREATE INDEX pipelines_by_origin ON pipelines (resumed_from) WHERE resumed_from IS NOT NULL;

  -- What an event changes is a stage or a run of it, and only that is written.
  CREATE TABLE stages (
    pipeline INTEGER NOT NULL REFERENCES pipelines (created_seq) ON DELETE CASCADE,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    items TEXT NOT NULL,
    PRIMARY KEY (pipeline, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    pipeline INTEGER NOT NULL REFERENCES pipelines (created_seq) ON DELETE CASCADE,
    stage TEXT NOT NULL,
    number INTEGER NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (pipeline, stage, number)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE attempts (
    task INTEGER NOT NULL REFERENCES tasks (created_seq) ON DELETE CASCADE,
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
    task INTEGER NOT NULL REFERENCES tasks (created_seq) ON DELETE CASCADE,
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
