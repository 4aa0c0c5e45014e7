//! What is said: messages, what is done to them, drafts and files.

pub(crate) mod actions;
pub(crate) mod attachments;
pub(crate) mod contents;
pub(crate) mod conversations;
pub(crate) mod disappearing;
pub(crate) mod drafts;
pub(crate) mod emoji;
pub(crate) mod lending;
pub(crate) mod previews;
pub(crate) mod receipts;
pub(crate) mod search;
pub(crate) mod shown;
pub(crate) mod windows;
