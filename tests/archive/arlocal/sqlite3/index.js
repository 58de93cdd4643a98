// The part of sqlite3's interface that knex 0.95 uses, on SQLite compiled to WebAssembly (node-sqlite3-wasm).
// sqlite3 itself ships no binary in its package and takes minutes to compile.

"use strict";

const wasm = require("node-sqlite3-wasm");

// As sqlite3 binds: a date as its number, an object as its text.
function bound(value) {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.getTime();
  return typeof value === "object" && !ArrayBuffer.isView(value) ? String(value) : value;
}

class Database {
  constructor(filename, mode, done) {
    done = typeof mode === "function" ? mode : done;
    try {
      this.db = new wasm.Database(filename);
    } catch (error) {
      this.failed = error;
    }
    if (done) setImmediate(done, this.failed || null);
  }

  _call(method, sql, values, done) {
    if (typeof values === "function") [values, done] = [[], values];
    let error = null;
    let result;
    try {
      result = this.db[method](sql, [].concat(values ?? []).map(bound));
    } catch (thrown) {
      error = thrown;
    }
    const self = { lastID: result?.lastInsertRowId, changes: result?.changes };
    if (done) setImmediate(() => done.call(self, error, method === "all" ? result : undefined));
    return this;
  }

  run(sql, values, done) {
    return this._call("run", sql, values, done);
  }

  all(sql, values, done) {
    return this._call("all", sql, values, done);
  }

  close(done) {
    this.db.close();
    if (done) setImmediate(done, null);
  }
}

module.exports = { Database, OPEN_READONLY: 1, OPEN_READWRITE: 2, OPEN_CREATE: 4 };
