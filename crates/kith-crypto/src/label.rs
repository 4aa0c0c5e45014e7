//! The registered labels. One label, one purpose; `spec/crypto.md` has the same table.

/// What a signed, hashed, authenticated or derived string is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(&'static str);

impl Label {
    /// Makes the label of an object type from its registered name.
    pub const fn of_object(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns the label's bytes, all ASCII, at most 64.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns `length (u8) ‖ label`: no label is a prefix of another string that starts like this.
    pub fn prefix(self) -> Vec<u8> {
        let bytes = self.0.as_bytes();
        let mut out = Vec::with_capacity(bytes.len() + 1);
        out.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(bytes);
        out
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Label {
            $($(#[$doc])* pub const $name: Self = Self($text);)*

            /// Every label that is not an object's own.
            pub const REGISTERED: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

labels! {
    /// HPKE info of sealed requests.
    SEALED = "kith/1/sealed";
    /// Key and nonce of a sealed answer.
    RESPONSE = "kith/1/response";
    /// HPKE exporter of a live opening.
    LIVE = "kith/1/live";
    /// The value that account and readers sign on a live connection.
    LIVE_BIND = "kith/1/live-bind";
    /// AAD of live records.
    LIVE_RECORD = "kith/1/live-record";
    /// Signature on a one-shot request.
    REQUEST = "kith/1/request";
    /// Signature that proves the account on a live connection.
    LIVE_ACCOUNT = "kith/1/live-account";
    /// Signature that proves a reader on a live connection.
    LIVE_READER = "kith/1/live-reader";
    /// Signature that closes an account.
    ACCOUNT_CLOSE = "kith/1/account-close";
    /// What a server stores of a send capability.
    SEND_VERIFIER = "kith/1/send-verifier";
    /// The proof of a deposit.
    DEPOSIT_PROOF = "kith/1/deposit-proof";
    /// What a server stores of a read capability.
    READ_VERIFIER = "kith/1/read-verifier";
    /// What a server stores of a delete capability.
    DELETE_VERIFIER = "kith/1/delete-verifier";
    /// The root of epoch 0.
    OUTER_0 = "kith/1/outer0";
    /// The root of epoch 1.
    OUTER_1 = "kith/1/outer1";
    /// The roots of later epochs.
    OUTER_EPOCH = "kith/1/epoch";
    /// The five keys of a root.
    ROOT_KEYS = "kith/1/root-keys";
    /// The inside of an answer.
    ANSWER = "kith/1/answer";
    /// The HMAC of an answer.
    ANSWER_MAC = "kith/1/answer-mac";
    /// Hash of ephemeral key and ciphertext of an answer.
    ANSWER_EXCHANGE = "kith/1/answer-exchange";
    /// Hash of a whole answer.
    ANSWER_HASH = "kith/1/answer-hash";
    /// The commitment in a card.
    COMMITMENT = "kith/1/commitment";
    /// Hash of an X-Wing key.
    KEM_KEY = "kith/1/kem-key";
    /// Hash of an X-Wing ciphertext.
    KEM_CIPHERTEXT = "kith/1/kem-ciphertext";
    /// Hash of the card giver's hello.
    CONFIRM_HELLO = "kith/1/confirm-hello";
    /// The transcript hash.
    TRANSCRIPT = "kith/1/transcript";
    /// The HMAC of a confirmation.
    CONFIRM = "kith/1/confirm";
    /// Chain key to message key.
    CHAIN_MESSAGE = "kith/1/chain-message";
    /// Chain key to next chain key.
    CHAIN_NEXT = "kith/1/chain-next";
    /// AAD of a frame's header.
    FRAME_HEADER = "kith/1/frame-header";
    /// AAD of a frame's inner text.
    FRAME_INNER = "kith/1/frame-inner";
    /// The comparison digits.
    DIGITS = "kith/1/digits";
    /// The name of the blob that holds a QR card's X-Wing key.
    CARD_BLOB_ID = "kith/1/card-blob-id";
    /// The read capability of that blob.
    CARD_BLOB_READ = "kith/1/card-blob-read";
    /// The key of that blob.
    CARD_BLOB_KEY = "kith/1/card-blob-key";
    /// The name of the blob that holds the card of a link in words.
    WORDS_BLOB_ID = "kith/1/words-blob-id";
    /// The read capability of that blob.
    WORDS_BLOB_READ = "kith/1/words-blob-read";
    /// The key of that blob.
    WORDS_BLOB_KEY = "kith/1/words-blob-key";
    /// Keys of attachment chunks.
    CHUNK = "kith/1/chunk";
    /// Hash of a live opening or ciphertext.
    LIVE_HASH = "kith/1/live-hash";
    /// Keys that a device keeps for itself, at rest.
    AT_REST = "kith/1/at-rest";
    /// Secrets that wait for the next password entry, sealed to the user key.
    USER_SEAL = "kith/1/user-seal";
    /// The seed of the person key, from the user key.
    USER_SIGN = "kith/1/user-sign";
    /// Keys of the segments of a backup file.
    BACKUP = "kith/1/backup";
    /// The value by which a user key shows that a backup file is its own.
    BACKUP_CHECK = "kith/1/backup-check";
    /// The key, and the HMAC, by which the segments of a backup file are chained.
    BACKUP_CHAIN = "kith/1/backup-chain";
    /// The secret of a person's backups at one home server.
    HOME_BACKUP = "kith/1/home-backup";
    /// The secret in the place of the user key, for a file that lies at a home server.
    HOME_BACKUP_FILE = "kith/1/home-backup-file";
    /// Names and capabilities of the places of a person's backups at a home server.
    HOME_BACKUP_PLACE = "kith/1/home-backup-place";
    /// Names, capabilities and keys of the pieces of a file at a home server.
    HOME_BACKUP_PIECE = "kith/1/home-backup-piece";
    /// Keys of the heads of a person's backups at a home server.
    HOME_BACKUP_HEAD = "kith/1/home-backup-head";
    /// What a server stores of an invite code.
    INVITE = "kith/1/invite";
    /// Hash of an attachment's content.
    ATTACHMENT = "kith/1/attachment";
}
