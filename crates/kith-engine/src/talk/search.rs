//! Full-text search over the texts of messages.
//!
//! The index follows the table by triggers, so that a text that was deleted, edited away or has disappeared is out of
//! the index in the same transaction (KE-27); `secure-delete` takes its words out of the index's pages too.

pub(crate) const TABLES: &str = "
CREATE VIRTUAL TABLE search USING fts5 (
    text, content = 'messages', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER messages_inserted AFTER INSERT ON messages BEGIN
    INSERT INTO search (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN
    INSERT INTO search (search, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER messages_changed AFTER UPDATE OF text ON messages BEGIN
    INSERT INTO search (search, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO search (rowid, text) VALUES (new.id, new.text);
END;
";

/// Returns the query that finds messages with all these words or beginnings of words; `None` without any word.
///
/// What a person types is words, never query syntax: each word is quoted.
pub(crate) fn query(words: &str) -> Option<String> {
    let quoted: Vec<String> = words
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\"*"))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" "))
}
