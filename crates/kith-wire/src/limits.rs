//! Sizes and bounds, each with the reason for its value. The table is in `spec/limits.md`.

/// The protocol version that this code speaks.
pub const VERSION: u8 = 1;
/// Suite 1: HPKE base mode with X-Wing, HKDF-SHA256 and ChaCha20-Poly1305.
pub const SUITE_XWING: u8 = 1;
/// Bytes in every frame. One size, so that a frame says nothing about its content.
pub const FRAME_BYTES: usize = 4096;
/// Bytes in every small one-shot sealed request, deposits among them. One size for the same reason.
pub const SEALED_BYTES: usize = 5376;
/// Bytes in the largest sealed request or answer: a blob chunk with its envelope, rounded up by Padmé.
pub const MAX_SEALED_BYTES: usize = 96 * 1024;
/// Bytes in the largest sealed answer: with the byte of kind before it, it is a reply of [`MAX_SEALED_BYTES`].
pub const MAX_ANSWER_BYTES: usize = MAX_SEALED_BYTES - 1;
/// Bytes in the smallest sealed answer.
pub const ANSWER_BYTES: usize = 1024;
/// Blobs that one `blob-keep` may name.
pub const MAX_KEPT_AT_ONCE: usize = 64;
/// Pieces of one backup at a home server: more would not fit into its head.
pub const MAX_BACKUP_PIECES: usize = 1024;
/// Bytes in the plaintext of a blob chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes in a sealed blob chunk: nonce-free AEAD, 16 bytes of tag.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + 16;
/// Bytes in the largest attachment.
pub const MAX_ATTACHMENT_BYTES: u64 = 100 * 1024 * 1024;
/// Chunks in the largest blob: 100 MiB rounded up by Padmé is under 104 MiB.
pub const MAX_BLOB_CHUNKS: u32 = 1664;
/// Bytes in a server URL. Two of them and five keys must fit a QR code.
pub const MAX_URL_BYTES: usize = 200;
/// Entries in an extension map.
pub const MAX_EXT_ENTRIES: u64 = 16;
/// Devices in a device list.
pub const MAX_DEVICES: usize = 8;
/// Bytes of a device's name, which only the person's own devices see.
pub const MAX_DEVICE_NAME_BYTES: usize = 64;
/// Bytes in the body of every device list: eight slots and eight revocations fit, the rest is padding.
pub const DEVICE_LIST_BYTES: usize = 1536;
/// Days for which a device list is valid.
pub const DEVICE_LIST_DAYS: u32 = 90;
/// Bytes of content in one part. Small enough that KEM material always fits into the same frame.
pub const PART_BYTES: usize = 1800;
/// Parts of one content.
pub const MAX_PARTS: u8 = 16;
/// Bytes in the longest content.
pub const MAX_CONTENT_BYTES: usize = PART_BYTES * MAX_PARTS as usize;
/// Bytes of a content that is not for a sibling, at most: it fits into one that is (KE-10).
pub const MAX_SAID_BYTES: usize = MAX_CONTENT_BYTES - 512;
/// Bytes of a small picture, in a preview or for a contact: in a preview it takes ten parts and leaves room for a long text.
pub const MAX_PICTURE_BYTES: usize = 16 * 1024;
/// Frames that may be held or skipped ahead of the next expected one, per direction of a session.
pub const SESSION_WINDOW: u32 = 2000;
/// Unacknowledged frames at which a sender stops sending content; the rest is for acknowledgements and keys.
pub const CONTENT_WINDOW: u32 = 1900;
/// Seconds by which a request signature may be older or newer than the server's clock.
pub const SIGNATURE_WINDOW_SECONDS: u64 = 90;
/// Hours ahead of now that a deposit may name as its last hour of acceptance: eight days.
pub const MAX_DEPOSIT_HOURS: u32 = 8 * 24;
/// Seconds for which a server keeps an epoch key beyond its week.
pub const EPOCH_GRACE_SECONDS: u64 = 14 * 24 * 3600;
/// Seconds by which an epoch's week may lie in the future or past for a client that seals to it.
pub const EPOCH_SLACK_SECONDS: u64 = 2 * 24 * 3600;
/// Seconds after which a relaying server gives up.
pub const RELAY_EXPIRY_SECONDS: u64 = 7 * 24 * 3600;
/// Seconds for which a message is tried before its sender is told that it expired.
pub const MESSAGE_EXPIRY_SECONDS: u64 = 60 * 24 * 3600;
/// Queues that one live `read` operation may name.
pub const MAX_READS: usize = 256;
/// Entries that one `ack` may name.
pub const MAX_ACKS: usize = 1024;
/// Frames that one one-shot `fetch` answers with: what fits into [`MAX_SEALED_BYTES`].
pub const MAX_FETCH: u16 = 16;
