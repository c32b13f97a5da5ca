CREATE TABLE "files" (
   "file_id" INTEGER PRIMARY KEY,
   "path" TEXT NOT NULL,
   "language" TEXT NOT NULL,
   "sha256" TEXT NOT NULL,
   "n_bytes" INTEGER NOT NULL,
   "mtime_ns" INTEGER NOT NULL,
   "problem" TEXT NOT NULL,
   "text" TEXT NOT NULL
, n_redacted INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX "idx_files_path"
    ON "files" ("path");
CREATE TABLE "chunks" (
   "chunk_id" INTEGER PRIMARY KEY,
   "file_id" INTEGER,
   "header" TEXT,
   "start_char" INTEGER,
   "end_char" INTEGER,
   "start_line" INTEGER,
   "end_line" INTEGER,
   "n_tokens" INTEGER,
   "embedding_key" TEXT
, regions BLOB NOT NULL DEFAULT x'');
CREATE INDEX "idx_chunks_file_id"
    ON "chunks" ("file_id");
CREATE TABLE "spans" (
   "span_id" INTEGER PRIMARY KEY,
   "chunk_id" INTEGER,
   "kind" TEXT,
   "name" TEXT,
   "leaf" TEXT,
   "start_char" INTEGER,
   "end_char" INTEGER,
   "start_line" INTEGER,
   "end_line" INTEGER
);
CREATE INDEX "idx_spans_chunk_id"
    ON "spans" ("chunk_id");
CREATE INDEX "idx_spans_leaf"
    ON "spans" ("leaf");
CREATE TABLE "skipped" (
   "path" TEXT PRIMARY KEY,
   "reason" TEXT,
   "detail" TEXT,
   "n_bytes" INTEGER,
   "mtime_ns" INTEGER
);
CREATE TABLE "facts" (
   "key" TEXT PRIMARY KEY,
   "value" TEXT
);
PRAGMA user_version = 3;
