//! The client's storage at rest: SQLCipher under Argon2id, sealed attachment chunks.
