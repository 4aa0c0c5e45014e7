// Made from crates/kith-web/src/contract by its tests; KITH_WRITE_CONTRACT=1 writes it anew. Not to be edited.
// Times are milliseconds since 1970.

export type Request = { "kind": "state" } | { "kind": "take_over" } | { "kind": "create", 
/**
 * The person's own name, for their own eyes.
 */
name: string, 
/**
 * What opens this device's storage from now on. It cannot be recovered.
 */
password: string, 
/**
 * The home server's address as people type it; none means the server that this app comes from.
 */
server: string | null, 
/**
 * For home servers that ask for one.
 */
invite: string | null, } | { "kind": "unlock", 
/**
 * The password.
 */
password: string, } | { "kind": "lock" } | { "kind": "change_password", 
/**
 * The one so far.
 */
old: string, 
/**
 * The one from now on.
 */
new: string, } | { "kind": "contacts" } | { "kind": "contact", 
/**
 * Which.
 */
contact: number, } | { "kind": "new_card", 
/**
 * What the person calls whoever gets it; a name is made up when absent.
 */
name: string | null, 
/**
 * A contact that needs a new card; its conversation goes on.
 */
again: number | null, 
/**
 * Seconds until it expires.
 */
expires: number, } | { "kind": "accept_card", 
/**
 * The link as people copy it.
 */
link: string, 
/**
 * What the person calls whoever gave it.
 */
name: string | null, 
/**
 * A contact that needs a new card; its conversation goes on.
 */
again: number | null, } | { "kind": "digits", 
/**
 * With whom.
 */
contact: number, } | { "kind": "confirm_verified", 
/**
 * With whom.
 */
contact: number, } | { "kind": "rename", 
/**
 * The contact.
 */
contact: number, 
/**
 * The name.
 */
name: string, } | { "kind": "block", 
/**
 * The contact.
 */
contact: number, 
/**
 * Whether they are blocked from now on.
 */
blocked: boolean, } | { "kind": "forget", 
/**
 * The contact.
 */
contact: number, } | { "kind": "set_disappearing", 
/**
 * The contact.
 */
contact: number, 
/**
 * Seconds; none means for ever.
 */
seconds: number | null, } | { "kind": "set_receipts", 
/**
 * The contact.
 */
contact: number, 
/**
 * Whether they are told.
 */
sent: boolean, } | { "kind": "rotate", 
/**
 * The contact.
 */
contact: number, } | { "kind": "page", 
/**
 * With whom.
 */
contact: number, 
/**
 * Where it begins.
 */
at: PageAt, 
/**
 * At most so many messages; never more than 200.
 */
count: number, } | { "kind": "message", 
/**
 * In whose conversation.
 */
contact: number, 
/**
 * Which.
 */
message: string, } | { "kind": "search", 
/**
 * In whose conversation; none means in all.
 */
contact: number | null, 
/**
 * What was typed.
 */
words: string, 
/**
 * At most so many; never more than 200.
 */
count: number, } | { "kind": "send", 
/**
 * To whom.
 */
contact: number, 
/**
 * The text; may be empty beside an attachment.
 */
text: string, 
/**
 * The message that it answers.
 */
replyTo: string | null, 
/**
 * A file that was prepared with [`Request::Attach`].
 */
attachment: number | null, } | { "kind": "edit", 
/**
 * In whose conversation.
 */
contact: number, 
/**
 * Which.
 */
message: string, 
/**
 * The text.
 */
text: string, } | { "kind": "delete", 
/**
 * In whose conversation.
 */
contact: number, 
/**
 * Which.
 */
message: string, } | { "kind": "react", 
/**
 * In whose conversation.
 */
contact: number, 
/**
 * Which.
 */
message: string, 
/**
 * One emoji.
 */
emoji: string, } | { "kind": "save_draft", 
/**
 * To whom.
 */
contact: number, 
/**
 * The text.
 */
text: string, } | { "kind": "mark_read", 
/**
 * The contact.
 */
contact: number, } | { "kind": "attach", 
/**
 * The file's name.
 */
name: string, 
/**
 * Its media type; worked out from the name when empty.
 */
mediaType: string, } | { "kind": "fetch_attachment", 
/**
 * Which.
 */
attachment: number, } | { "kind": "pause_attachment", 
/**
 * Which.
 */
attachment: number, } | { "kind": "attachment_chunk", 
/**
 * Which.
 */
attachment: number, 
/**
 * Which piece, from 0; there are [`Attachment::total`] of them.
 */
index: number, } | { "kind": "devices" } | { "kind": "connect", 
/**
 * Whether it is.
 */
wanted: boolean, };

export type PageAt = { "kind": "newest" } | { "kind": "position", 
/**
 * The place.
 */
position: number, } | { "kind": "around", 
/**
 * The message.
 */
message: string, };

export type Reply = { "kind": "done" } | { "kind": "state", 
/**
 * That.
 */
state: State, } | { "kind": "contacts", 
/**
 * Those with the newest messages first.
 */
contacts: Array<Contact>, } | { "kind": "contact", 
/**
 * That.
 */
contact: Contact, } | { "kind": "contact_made", 
/**
 * Its id.
 */
contact: number, } | { "kind": "card", 
/**
 * That.
 */
card: Card, } | { "kind": "digits", 
/**
 * Twelve groups of five digits.
 */
groups: Array<string>, 
/**
 * Whether the person has said before that they were the same.
 */
verified: boolean, } | { "kind": "page", 
/**
 * That.
 */
page: Page, } | { "kind": "message", 
/**
 * That.
 */
message: Message, } | { "kind": "found", 
/**
 * Newest first.
 */
found: Array<Found>, } | { "kind": "attached", 
/**
 * That.
 */
attachment: Attachment, } | { "kind": "chunk", 
/**
 * Which piece.
 */
index: number, } | { "kind": "devices", 
/**
 * Those.
 */
devices: Array<Device>, };

export type Failure = { 
/**
 * What a text is chosen by.
 */
code: FailureCode, 
/**
 * What the library said, in English, for the curious; never needed for understanding.
 */
detail: string, };

export type FailureCode = "wrong_password" | "empty_password" | "locked" | "already_here" | "nobody_here" | "elsewhere" | "unsupported" | "storage_full" | "storage" | "newer_version" | "bad_address" | "server_unreachable" | "not_a_home_server" | "invite_needed" | "server_refuses" | "offline" | "bad_name" | "bad_card" | "own_card" | "card_used" | "card_expired" | "card_other_purpose" | "unknown_contact" | "unknown_message" | "unknown_attachment" | "not_the_author" | "nothing_to_send" | "too_long" | "bad_reaction" | "bad_file" | "file_unreadable" | "blocked" | "not_answered_yet" | "needs_card" | "needs_no_card" | "revoked" | "bad_request" | "internal";

export type Notice = { "kind": "state", 
/**
 * How.
 */
state: State, } | { "kind": "message", 
/**
 * In whose conversation.
 */
contact: number, 
/**
 * Which.
 */
message: string, 
/**
 * What happened to it.
 */
change: MessageChange, } | { "kind": "message_state", 
/**
 * In whose conversation.
 */
contact: number, 
/**
 * Which.
 */
message: string, 
/**
 * Where it is now.
 */
state: MessageState, } | { "kind": "contact", 
/**
 * Which.
 */
contact: number, } | { "kind": "contact_trouble", 
/**
 * Which.
 */
contact: number, 
/**
 * What.
 */
trouble: ContactTrouble, } | { "kind": "preparing", 
/**
 * Its name.
 */
name: string, 
/**
 * Bytes done.
 */
done: number, 
/**
 * Bytes in all.
 */
size: number, } | { "kind": "attachment", 
/**
 * In whose conversation.
 */
contact: number, 
/**
 * The message that carries it.
 */
message: string, 
/**
 * Which.
 */
attachment: number, 
/**
 * Pieces that are there.
 */
done: number, 
/**
 * Pieces in all.
 */
total: number, } | { "kind": "devices" } | { "kind": "trouble", 
/**
 * What.
 */
trouble: Trouble, } | { "kind": "storage_trouble", 
/**
 * What the library said.
 */
detail: string, };

export type MessageChange = "new" | "synced" | "written" | "edited" | "deleted" | "reacted" | "disappeared";

export type ContactTrouble = "card_answered_twice" | "needs_card" | "device_stopped" | "device_key_stolen" | "forbidden_server" | "unreadable" | "overflow";

export type Trouble = "invite_needed" | "quota_exceeded" | "server_key_changed" | "clock_off" | "bad_descriptor";

export type State = { "kind": "elsewhere" } | { "kind": "nobody" } | { "kind": "locked" } | { "kind": "open", 
/**
 * Their own name.
 */
name: string | null, 
/**
 * Their home server's address.
 */
server: string, 
/**
 * Its key, as its owner knows it.
 */
serverKey: string, 
/**
 * Whether the home server has taken the account.
 */
registered: boolean, 
/**
 * Whether the connection is up. While it is down it is tried again by itself.
 */
online: boolean, 
/**
 * Pieces of messages that wait here for the connection.
 */
waiting: number, 
/**
 * Whether the person has revoked this device: it does nothing any more.
 */
revoked: boolean, };

export type Contact = { 
/**
 * The id.
 */
id: number, 
/**
 * What the person calls them. Any text at all.
 */
name: string, 
/**
 * Where it stands.
 */
state: ContactState, 
/**
 * Whether the digits were compared.
 */
verified: boolean, 
/**
 * Messages not yet seen.
 */
unread: number, 
/**
 * What was typed and not sent.
 */
draft: string, 
/**
 * Seconds that messages live; none means for ever.
 */
disappearing: number | null, 
/**
 * Whether they are told what the person has read.
 */
receipts: boolean, 
/**
 * Their home server's address, once known.
 */
server: string | null, 
/**
 * Whether the conversation cannot go on without a new card.
 */
needsCard: boolean, 
/**
 * Why what is written waits, although both have met.
 */
held: Held | null, 
/**
 * When the last exchange that quantum computers cannot open was finished.
 */
pqSince: number | null, 
/**
 * The newest message.
 */
last: LastMessage | null, };

export type ContactState = "invited" | "answered" | "established" | "blocked";

export type Held = "not_named" | "not_met" | "unknown_own_list" | "list_ran_out" | "lists_contradict" | "other";

export type LastMessage = { 
/**
 * Which.
 */
id: string, 
/**
 * Whether the person wrote it.
 */
mine: boolean, 
/**
 * When, by its writer's clock.
 */
sent: number, 
/**
 * How far it has come.
 */
state: MessageState, 
/**
 * What it says.
 */
body: MessageBody, 
/**
 * The name of the file that it carries.
 */
file: string | null, };

export type Card = { 
/**
 * The contact that waits for its answer.
 */
contact: number, 
/**
 * The link, whole.
 */
link: string, 
/**
 * The link as a QR code, without what has no room in it: that lies at the home server.
 */
qr: QrCode, 
/**
 * The last moment at which it can be answered.
 */
expires: number, };

export type QrCode = { 
/**
 * Squares in a row, and rows.
 */
size: number, 
/**
 * A `1` for each dark square and a `0` for each light one, row after row.
 */
modules: string, };

export type Page = { 
/**
 * Messages in the whole conversation.
 */
total: number, 
/**
 * The place of the first message in here; the oldest of the conversation is at place 0.
 */
position: number, 
/**
 * Oldest first.
 */
messages: Array<Message>, };

export type Message = { 
/**
 * The id.
 */
id: string, 
/**
 * Whether the person wrote it.
 */
mine: boolean, 
/**
 * When, by its writer's clock.
 */
sent: number, 
/**
 * What it says.
 */
body: MessageBody, 
/**
 * How far it has come.
 */
state: MessageState, 
/**
 * The message that it answers.
 */
replyTo: Quote | null, 
/**
 * Whether the text was changed.
 */
edited: boolean, 
/**
 * What people felt about it.
 */
reactions: Array<Reaction>, 
/**
 * The file that it carries.
 */
attachment: Attachment | null, 
/**
 * When it disappears.
 */
disappears: number | null, };

export type MessageState = "waiting" | "accepted" | "delivered" | "read" | "expired";

export type MessageBody = { "kind": "text", 
/**
 * That.
 */
text: string, } | { "kind": "deleted" } | { "kind": "newer_version" };

export type Quote = { 
/**
 * Which.
 */
id: string, 
/**
 * Whether the person wrote it.
 */
mine: boolean, 
/**
 * What it says now; none when it is not here.
 */
body: MessageBody | null, };

export type Reaction = { 
/**
 * Whether it is the person's own.
 */
mine: boolean, 
/**
 * One emoji, as whoever gave it says: any short text.
 */
emoji: string, };

export type Found = { 
/**
 * In whose conversation.
 */
contact: number, 
/**
 * The message.
 */
message: Message, };

export type Attachment = { 
/**
 * The id.
 */
id: number, 
/**
 * The file's name, as its sender says: any text at all, never a path.
 */
name: string, 
/**
 * Its media type, as its sender says.
 */
mediaType: string, 
/**
 * Its size in bytes.
 */
size: number, 
/**
 * How far it has come.
 */
state: AttachmentState, 
/**
 * Pieces that are there.
 */
done: number, 
/**
 * Pieces in all.
 */
total: number, };

export type AttachmentState = "moving" | "paused" | "complete" | "failed";

export type Device = { 
/**
 * Its id; absent while it has not said who it is.
 */
id: string | null, 
/**
 * What the person calls it.
 */
name: string, 
/**
 * Whether it is this one.
 */
isThis: boolean, 
/**
 * The day on which it was linked, as midnight in Greenwich.
 */
since: number | null, 
/**
 * Where it stands.
 */
state: DeviceState, };

export type DeviceState = { "kind": "waiting" } | { "kind": "compare", 
/**
 * Twenty digits in four groups.
 */
code: string, 
/**
 * Whether the person is to say on this device that the codes are the same.
 */
asks: boolean, } | { "kind": "linked" } | { "kind": "revoked" };
