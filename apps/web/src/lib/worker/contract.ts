// Made from crates/kith-web/src/contract by its tests; KITH_WRITE_CONTRACT=1 writes it anew. Not to be edited.
// Times are milliseconds since 1970.

export type Request = { "kind": "state" } | { "kind": "take_over" } | { "kind": "create", 
/**
 * The person's own name, for their own eyes. None on a device that is to become another one of a person: what it
 * is then is [`State::Joining`](super::State::Joining).
 */
name: string | null, 
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
password: string, } | { "kind": "erase" } | { "kind": "lock" } | { "kind": "look_at_backup", 
/**
 * What opens it.
 */
with: BackupKey, } | { "kind": "restore", 
/**
 * What opens it.
 */
with: BackupKey, 
/**
 * What opens this device's storage from now on.
 */
password: string, 
/**
 * The home server's address as people type it; none means the one that is named in the backup.
 */
server: string | null, 
/**
 * For home servers that ask for one.
 */
invite: string | null, 
/**
 * What this device is called.
 */
deviceName: string, } | { "kind": "find_at_home", 
/**
 * The words of the phrase, as people type them.
 */
words: string, 
/**
 * The home server's address as people type it; none means the server that this app comes from.
 */
server: string | null, } | { "kind": "fetch_from_home", 
/**
 * Its place in what was found, from 0.
 */
number: number, } | { "kind": "check_password", 
/**
 * The password.
 */
password: string, } | { "kind": "change_password", 
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
contact: number, } | { "kind": "compare_digits", 
/**
 * The contact.
 */
contact: number, 
/**
 * What the code says.
 */
read: string, } | { "kind": "confirm_verified", 
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
sent: boolean, } | { "kind": "set_shown", 
/**
 * The contact.
 */
contact: number, 
/**
 * Which of the three.
 */
shown: Shown, 
/**
 * Whether it is so from now on.
 */
on: boolean, } | { "kind": "set_picture", 
/**
 * The contact.
 */
contact: number, 
/**
 * A JPEG of at most 16 KiB and 512 pixels a side, in base64.
 */
picture: string | null, } | { "kind": "picture", 
/**
 * The contact.
 */
contact: number, } | { "kind": "rotate", 
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
count: number, } | { "kind": "files", 
/**
 * With whom.
 */
contact: number, 
/**
 * The place of the first one; the newest is at place 0.
 */
position: number, 
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
mediaType: string, 
/**
 * What happens to what is written in a picture.
 */
metadata: Metadata, } | { "kind": "fetch_attachment", 
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
index: number, } | { "kind": "devices" } | { "kind": "ask_to_join", 
/**
 * What this device is called.
 */
deviceName: string, 
/**
 * Seconds until the link expires.
 */
expires: number, } | { "kind": "join_device", 
/**
 * The link as people copy it.
 */
link: string, 
/**
 * What this device is called.
 */
deviceName: string, } | { "kind": "join_by_words", 
/**
 * The words as people type them.
 */
words: string, 
/**
 * The address of the home server that the other device shows, as people type it; none means that of this device.
 */
server: string | null, 
/**
 * What this device is called.
 */
deviceName: string, } | { "kind": "confirm_code" } | { "kind": "link_device", 
/**
 * What this device is called, when it has no name yet.
 */
deviceName: string, 
/**
 * Seconds until the link expires.
 */
expires: number, } | { "kind": "link_in_words", 
/**
 * What this device is called, when it has no name yet.
 */
deviceName: string, 
/**
 * Seconds until the link expires.
 */
expires: number, } | { "kind": "answer_new_device", 
/**
 * The link as people copy it.
 */
link: string, 
/**
 * What this device is called, when it has no name yet.
 */
deviceName: string, } | { "kind": "withdraw_link" } | { "kind": "withdraw_words" } | { "kind": "welcome_device", 
/**
 * The device, by [`Device::link`](super::Device::link).
 */
device: number, 
/**
 * The password.
 */
password: string, 
/**
 * How much of what was said before it gets.
 */
history: HistoryWish, } | { "kind": "rename_device", 
/**
 * Its id.
 */
device: string, 
/**
 * The password.
 */
password: string, 
/**
 * The name.
 */
name: string, } | { "kind": "revoke_device", 
/**
 * Its id.
 */
device: string, 
/**
 * The password.
 */
password: string, 
/**
 * Whether it was lost, or somebody else has got at it.
 */
lost: boolean, } | { "kind": "name_device", 
/**
 * The password.
 */
password: string, } | { "kind": "set_key_rotation", 
/**
 * Hours between two times, from 1 to 744.
 */
hours: number, } | { "kind": "backups" } | { "kind": "phrase", 
/**
 * The password.
 */
password: string, } | { "kind": "phrase_checked" } | { "kind": "back_up", 
/**
 * The password, which also opens the backup.
 */
password: string, } | { "kind": "backup_kept" } | { "kind": "set_home_backup", 
/**
 * The password.
 */
password: string, 
/**
 * Hours between two of them; none for never.
 */
hours: number | null, } | { "kind": "back_up_home", 
/**
 * The password.
 */
password: string, } | { "kind": "remove_home_backups", 
/**
 * The password.
 */
password: string, } | { "kind": "connect", 
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
message: string, } | { "kind": "unseen" };

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
 * The same for the contact's camera.
 */
qr: QrCode, 
/**
 * Whether the person has said before that they were the same.
 */
verified: boolean, } | { "kind": "picture", 
/**
 * A small JPEG, in base64.
 */
picture: string | null, } | { "kind": "page", 
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
attachment: Attachment, 
/**
 * What was taken out of it.
 */
removed: Array<Written>, } | { "kind": "chunk", 
/**
 * Which piece.
 */
index: number, } | { "kind": "devices", 
/**
 * Those.
 */
devices: Array<Device>, } | { "kind": "link", 
/**
 * That.
 */
link: Link, } | { "kind": "link_words", 
/**
 * That.
 */
link: LinkWords, } | { "kind": "backups", 
/**
 * That.
 */
backups: Backups, } | { "kind": "phrase", 
/**
 * Its words, in their order.
 */
words: Array<string>, } | { "kind": "backed_up", 
/**
 * Bytes of the file that was given which stay as they are; the new ones come behind them. 0 when all is new.
 */
keep: number, 
/**
 * Contacts that were written, new or changed.
 */
contacts: number, 
/**
 * Messages that were written, new or changed.
 */
messages: number, } | { "kind": "backed_up_home", 
/**
 * Contacts that were written, new or changed.
 */
contacts: number, 
/**
 * Messages that were written, new or changed.
 */
messages: number, 
/**
 * Bytes that had to be sent.
 */
sent: number, } | { "kind": "removed", 
/**
 * How many there were.
 */
count: number, } | { "kind": "found_at_home", 
/**
 * The newest first, and last those that are dated ahead.
 */
found: Array<FoundAtHome>, } | { "kind": "backup", 
/**
 * That.
 */
backup: Backup, };

export type Failure = { 
/**
 * What a text is chosen by.
 */
code: FailureCode, 
/**
 * What the library said, in English, for the curious; never needed for understanding.
 */
detail: string, };

export type FailureCode = "wrong_password" | "empty_password" | "locked" | "already_here" | "nobody_here" | "elsewhere" | "unsupported" | "storage_full" | "storage" | "newer_version" | "bad_address" | "server_unreachable" | "not_a_home_server" | "invite_needed" | "server_refuses" | "offline" | "bad_name" | "bad_card" | "own_card" | "card_used" | "card_expired" | "card_other_purpose" | "unknown_contact" | "unknown_message" | "unknown_attachment" | "not_the_author" | "nothing_to_send" | "too_long" | "bad_reaction" | "bad_file" | "not_digits" | "digits_differ" | "file_unreadable" | "picture_unknown" | "bad_picture" | "picture_damaged" | "blocked" | "not_answered_yet" | "needs_card" | "needs_no_card" | "revoked" | "bad_link" | "unknown_link_word" | "link_words_count" | "bad_link_words" | "no_such_link" | "link_expired" | "link_used" | "link_for_new" | "link_for_old" | "link_is_card" | "not_fresh" | "too_many_devices" | "unknown_device" | "this_device" | "not_compared_there" | "bad_device_name" | "device_name_taken" | "bad_phrase" | "wrong_phrase" | "wrong_backup_password" | "not_a_backup" | "backup_damaged" | "backup_of_other" | "backup_running" | "no_room" | "no_home_backup" | "home_backup_lost" | "home_backup_again" | "restore_unfinished" | "bad_request" | "internal";

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
total: number, } | { "kind": "devices" } | { "kind": "device_added", 
/**
 * What the person calls it.
 */
name: string, } | { "kind": "backing_up", 
/**
 * Messages done.
 */
done: number, 
/**
 * Messages in all.
 */
total: number, } | { "kind": "home_backup" } | { "kind": "moving", 
/**
 * Bytes done.
 */
done: number, 
/**
 * Bytes in all.
 */
total: number, } | { "kind": "restoring", 
/**
 * Bytes done.
 */
done: number, 
/**
 * Bytes in all.
 */
total: number, } | { "kind": "trouble", 
/**
 * What.
 */
trouble: Trouble, } | { "kind": "storage_trouble", 
/**
 * What the library said.
 */
detail: string, };

export type MessageChange = "new" | "synced" | "written" | "edited" | "deleted" | "reacted" | "disappeared";

export type ContactTrouble = "card_answered_twice" | "needs_card" | "device_stopped" | "device_key_stolen" | "restored" | "restored_twice" | "refused_another" | "forbidden_server" | "unreadable" | "overflow";

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
 * Whether the person has revoked this device, or left it behind: it does nothing any more.
 */
revoked: boolean, 
/**
 * Whether the person goes on from a backup that did not know of this device.
 */
leftBehind: boolean, 
/**
 * Hours between two rotations of this device's keys towards one contact.
 */
rotationHours: number, } | { "kind": "joining", 
/**
 * Its home server's address.
 */
server: string, 
/**
 * Whether the connection is up.
 */
online: boolean, 
/**
 * How far it is.
 */
step: JoinStep, };

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
 * When the person chose the picture that they have for the contact, if they did.
 */
picture: number | null, 
/**
 * Whether the conversation stands above all others.
 */
pinned: boolean, 
/**
 * Whether what comes notifies nobody.
 */
muted: boolean, 
/**
 * Whether the conversation was put away.
 */
archived: boolean, 
/**
 * Their home server's address, once known.
 */
server: string | null, 
/**
 * Whether the conversation cannot go on without a new card.
 */
needsCard: boolean, 
/**
 * Own messages that wait: a new card decides who gets them.
 */
waiting: number, 
/**
 * Why what is written waits, although both have met.
 */
held: Held | null, 
/**
 * Whether they go on from a backup, or somebody else tried to; until the digits are compared again.
 */
restored: Restored | null, 
/**
 * Since when they say that somebody else came as this person, from a backup or an old device, and was refused; until the digits are
 * compared again.
 */
refusedAnother: number | null, 
/**
 * When this device was restored from a backup at a home server, which somebody else may have put there; until the digits
 * are compared.
 */
fromHome: number | null, 
/**
 * How far this device, which was restored from a backup, has come with them; none when the two have met.
 */
restoring: Restoring | null, 
/**
 * When the last exchange that quantum computers cannot open was finished.
 */
pqSince: number | null, 
/**
 * The newest message.
 */
last: LastMessage | null, };

export type ContactState = "invited" | "answered" | "established" | "blocked";

export type Held = "not_named" | "not_met" | "unknown_own_list" | "list_ran_out" | "lists_contradict" | "unanswered" | "other";

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
 * What a page is about that the text names, as its sender told.
 */
preview: Preview | null, 
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

export type Preview = { 
/**
 * The address, as it stands in the text.
 */
address: string, 
/**
 * What the page is called.
 */
title: string, 
/**
 * What it says about itself; may be empty.
 */
description: string, 
/**
 * A small JPEG, in base64.
 */
picture: string | null, };

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

export type AttachmentState = "moving" | "paused" | "complete" | "failed" | "asked";

export type Device = { 
/**
 * Its id; absent while it has not said who it is.
 */
id: string | null, 
/**
 * What it is called in [`Request::WelcomeDevice`](super::Request::WelcomeDevice).
 */
link: number | null, 
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
 * When this device heard of it; absent for this one and for those that were there before.
 */
heard: number | null, 
/**
 * Contacts that it has told this new device.
 */
contacts: Progress | null, 
/**
 * Messages of before: told by it, or to it.
 */
history: Progress | null, 
/**
 * Where it stands.
 */
state: DeviceState, 
/**
 * Whether this device and it can tell each other nothing any more: it is taken out and linked again.
 */
stopped: boolean, };

export type DeviceState = { "kind": "waiting" } | { "kind": "compare", 
/**
 * Twenty digits in four groups.
 */
code: string, 
/**
 * Whether the person is to say on this device that the codes are the same.
 */
asks: boolean, } | { "kind": "linked" } | { "kind": "revoked" };

export type Progress = { 
/**
 * Told.
 */
told: number, 
/**
 * In all.
 */
total: number, };

export type JoinStep = { "kind": "idle" } | { "kind": "looking" } | { "kind": "waiting" } | { "kind": "compare", 
/**
 * Twenty digits in four groups.
 */
code: string, 
/**
 * Whether the person is to say here that the codes are the same; afterwards, and otherwise, it is said on the other
 * device.
 */
asks: boolean, };

export type Link = { 
/**
 * The link, whole.
 */
link: string, 
/**
 * The link as a QR code, without what has no room in it: that lies at the home server.
 */
qr: QrCode, 
/**
 * The last moment at which it can be used.
 */
expires: number, };

export type LinkWords = { 
/**
 * Twelve words, in their order.
 */
words: Array<string>, 
/**
 * The home server at which the new device finds what they stand for.
 */
server: string, 
/**
 * The last moment at which it can be used.
 */
expires: number, };

export type HistoryWish = { "kind": "none" } | { "kind": "days", 
/**
 * How many days.
 */
days: number, } | { "kind": "all" };

export type Shown = "pinned" | "muted" | "archived";

export type Metadata = "removed" | "kept";

export type Written = "place" | "camera" | "words" | "more";

export type Restored = { 
/**
 * Since when; none when only somebody else tried.
 */
since: number | null, 
/**
 * Whether a second device has answered, and was refused: somebody else has a copy of the backup, perhaps.
 */
twice: boolean, };

export type Restoring = "needs_password" | "told" | "unanswered" | "needs_card";

export type Backups = { 
/**
 * When the person last showed that the recovery phrase is written down.
 */
phraseChecked: number | null, 
/**
 * When this device last made a backup.
 */
made: number | null, 
/**
 * Messages that are new or have changed since.
 */
behind: number, 
/**
 * Contacts with whom the person can talk.
 */
contacts: number, 
/**
 * Those to whom a backup made now brings nobody back.
 */
missing: number, 
/**
 * Those to whom the last backup brings nobody back; none before the first.
 */
missingInLast: number | null, 
/**
 * The backup that this device keeps at its home server.
 */
home: HomeBackup, };

export type HomeBackup = { 
/**
 * Hours after which the device makes the next one by itself; none when it does not.
 */
every: number | null, 
/**
 * When it was made last; none when none is whole there.
 */
made: number | null, 
/**
 * Bytes that it has there.
 */
bytes: number, 
/**
 * Whether one is just being made.
 */
running: boolean, 
/**
 * Whether the home server had lost something of the one before when the last one was made.
 */
lost: boolean, 
/**
 * Why the last one was not made, since Kith was opened.
 */
trouble: FailureCode | null, };

export type FoundAtHome = { 
/**
 * The device that made it, as the person called it; empty when it had no name.
 */
device: string, 
/**
 * When it says that it was made.
 */
made: number, 
/**
 * Its size.
 */
bytes: number, 
/**
 * Whether that is more than a day from now: a clock was wrong, or somebody wants it to be taken.
 */
ahead: boolean, };

export type BackupKey = { "kind": "phrase", 
/**
 * Its words.
 */
words: string, } | { "kind": "password", 
/**
 * That.
 */
password: string, } | { "kind": "fetched" };

export type Backup = { 
/**
 * The person's own name.
 */
name: string | null, 
/**
 * The home server of the device that made it.
 */
server: string, 
/**
 * When it was made.
 */
made: number, 
/**
 * People that the person knew.
 */
contacts: number, 
/**
 * Messages in it, some perhaps counted several times.
 */
messages: number, 
/**
 * Whether the file ends in the middle of something: what was whole is taken.
 */
torn: boolean, };
