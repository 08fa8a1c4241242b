/** The database file of the message log: its tables, and how it is opened for writing and for reading. */

import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { LogIdentity } from '../../record/log-place.ts'
import { LogOpenError } from '../../record/open-error.ts'
import { RECEIVED_TABLES } from './received-heads.ts'
import { SUBJECT_TABLE } from './subject-table.ts'

/** Grows with every change to the tables. */
export const FORMAT = 2

/**
 * `record` is narrow, so that lists need not step over contents; `seq` and the request id (UUIDv7) ascend with time, so
 * that every insert goes to the right edge of its tree. `content` holds what is hashed: `head` and `body` sealed, the
 * rest as it stands; long texts that many records have in common lie once in `repeated`, so `record` ends before its
 * basis and `signature` has no `etsiU`. A body that is a file lies in the bodies' directory. Every body that is kept has a
 * share of its own from the start, `body_share`, so that it can be erased and its head stay.
 *
 * What was archived lies in a file that is a row of `archive`: of `content` are left `share`, `body_share` and
 * `body_key`. `seed` makes shares for records that had none; it goes when the last content is emptied.
 *
 * Erasing a body empties `body`, `body_share`, `body_key` and `body_until`; erasing a record deletes its row in `content`
 * and empties the columns of `record` but `seq`, `leaf` and `ends`. The columns `…_erased_by` name the record of the log
 * that says who erased, when and under which rule; `decision` has those records and which are not carried out yet; `hold`
 * what must not be erased, and the record that says so. A body that is not kept has no `body_until`.
 *
 * A row of `renewal` is one tree over what the batches from `first_batch` to `last_batch` had before; it counts once it has
 * a token. `renewal_node` has its hashes, 512 at a time from the leaves up, and `renewal_body` the new hashes of bodies,
 * which may be erased later and with their record go from here.
 *
 * Times are milliseconds since the Unix epoch, `…_until` days since then, `token_until` again milliseconds: when the
 * certificate ends that the token rests on.
 */
const TABLES = `
  CREATE TABLE log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    format INTEGER NOT NULL,
    name TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    probed_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE record (
    seq INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    at INTEGER,
    kind TEXT,
    side TEXT,
    direction TEXT,
    request_id TEXT,
    x_road_id TEXT,
    client TEXT,
    service TEXT,
    method TEXT,
    purpose TEXT,
    code TEXT,
    stage TEXT,
    sender TEXT,
    ends INTEGER,
    body_bytes INTEGER,
    body_until INTEGER,
    record_until INTEGER,
    body_erased_at INTEGER,
    record_erased_at INTEGER,
    body_erased_by INTEGER,
    record_erased_by INTEGER
  ) STRICT;
  CREATE INDEX record_by_request_id ON record (request_id) WHERE request_id IS NOT NULL;
  CREATE INDEX record_configuration ON record (seq) WHERE kind = 'configuration';

  CREATE TABLE content (
    seq INTEGER PRIMARY KEY,
    record BLOB,
    basis INTEGER,
    signature TEXT,
    etsi_u INTEGER,
    extension TEXT,
    share BLOB,
    body_key BLOB,
    head BLOB,
    body BLOB,
    archive INTEGER,
    body_share BLOB
  ) STRICT;

  CREATE TABLE repeated (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
  ) STRICT;

  CREATE TABLE decision (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    pending INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX decision_pending ON decision (seq) WHERE pending = 1;

  CREATE TABLE hold (
    seq INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY (seq, event)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE batch (
    number INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    at_min INTEGER NOT NULL,
    at_max INTEGER NOT NULL,
    open_from INTEGER NOT NULL,
    header_sha256 BLOB NOT NULL,
    root BLOB NOT NULL,
    token BLOB,
    gen_time INTEGER,
    token_until INTEGER
  ) STRICT;
  CREATE INDEX batch_by_end ON batch (at_max, first);
  CREATE INDEX batch_by_start ON batch (at_min, seq);
  CREATE INDEX batch_by_last ON batch (last);
  CREATE INDEX batch_unstamped ON batch (number) WHERE token IS NULL;
  CREATE INDEX batch_by_token_until ON batch (token_until) WHERE token_until IS NOT NULL;

  CREATE TABLE archive (
    id INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    last_batch INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    emptied_to INTEGER NOT NULL,
    texts_before INTEGER NOT NULL,
    seed BLOB
  ) STRICT;
  CREATE INDEX archive_by_last ON archive (last);

  CREATE TABLE renewal (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    digest TEXT NOT NULL,
    first_batch INTEGER NOT NULL,
    last_batch INTEGER NOT NULL,
    leaves INTEGER NOT NULL,
    began_at INTEGER NOT NULL,
    root BLOB,
    token BLOB,
    gen_time INTEGER,
    token_until INTEGER
  ) STRICT;

  CREATE TABLE renewal_node (
    renewal INTEGER NOT NULL,
    level INTEGER NOT NULL,
    place INTEGER NOT NULL,
    root BLOB NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (renewal, level, place)
  ) STRICT;

  CREATE TABLE renewal_body (
    seq INTEGER NOT NULL,
    renewal INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (seq, renewal)
  ) STRICT, WITHOUT ROWID;

  -- Content that moves to the archive is deleted here, too, and keeps its evidence.
  CREATE TRIGGER renewal_erased AFTER DELETE ON content
    WHEN (SELECT record_erased_at FROM record WHERE seq = OLD.seq) IS NOT NULL BEGIN
    DELETE FROM renewal_body WHERE seq = OLD.seq;
  END;
`

/** Waiting for a lock. Writers never wait for readers; only emptying the WAL does. */
export const BUSY_MS = 1000
/** A WAL is folded into the database when it is this large at the latest. */
const WAL_BYTES_MAX = 64 * 1024 * 1024

/** Opens for writing. The caller holds the lock. @throws {LogOpenError} `format` */
export function openWritable(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS })
  // The page size has to be set before anything is written. FULL: a commit that returned is on the disk.
  database.exec(`
    PRAGMA page_size = 8192;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = ${WAL_BYTES_MAX};
    PRAGMA cache_size = -4096;
    PRAGMA temp_store = MEMORY;
  `)
  return database
}

/** @throws {LogOpenError} `missing`, `format` */
export function openReadable(path: string): DatabaseSync {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS })
  } catch (cause) {
    throw new LogOpenError('missing', 'The message log cannot be opened', cause)
  }
  database.exec('PRAGMA cache_size = -1024')
  readIdentity(database)
  return database
}

/** Of a database that is gone, what there is to see: nothing. */
export function openReadableOrEmpty(path: string, identity: LogIdentity): DatabaseSync {
  if (existsSync(path)) return openReadable(path)
  const database = new DatabaseSync(':memory:')
  createTables(database, identity)
  return database
}

export function createTables(database: DatabaseSync, { name, epoch }: LogIdentity): void {
  database.exec('BEGIN IMMEDIATE')
  database.exec(TABLES)
  database.exec(RECEIVED_TABLES)
  database.exec(SUBJECT_TABLE)
  database.prepare('INSERT INTO log VALUES (1, ?, ?, ?, 0)').run(FORMAT, name, epoch)
  database.exec('COMMIT')
}

export function hasTables(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'log'").get() !== undefined
}

/** @throws {LogOpenError} `format` */
export function readIdentity(database: DatabaseSync): LogIdentity {
  try {
    const row = database.prepare('SELECT format, name, epoch FROM log').get()
    if (row?.['format'] === FORMAT) return { name: String(row['name']), epoch: Number(row['epoch']) }
  } catch (cause) {
    throw new LogOpenError('format', 'The file is not a message log, or damaged', cause)
  }
  throw new LogOpenError('format', 'The message log has a format that this version does not know')
}

/** SQLite's primary result code for what somebody else has locked. */
const BUSY = 5

export interface Lock {
  release(): void
}

/**
 * One writer per log: a second one would fork the chain. The lock is the kernel's on a database beside it, so that it
 * ends with the process however that ends.
 *
 * @throws {LogOpenError} `locked`; `missing`: its file cannot be written, for want of space or rights
 */
export function lockLog(path: string): Lock {
  const database = new DatabaseSync(`${path}.lock`, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    if (((cause as { errcode?: number }).errcode ?? 0) !== BUSY)
      throw new LogOpenError('missing', 'The lock beside the message log cannot be taken', cause)
    throw new LogOpenError('locked', 'Another process has the message log open: its gateway runs, or a command', cause)
  }
  return { release: () => database.close() }
}
