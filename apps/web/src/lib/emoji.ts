// Emoji to react with. The keyboard of a phone has all the others.

/** Those at hand. */
export const FIRST_EMOJI = ['👍', '❤️', '😂', '😮', '😢', '🙏'] as const;

/** Those one more tap away. */
export const EMOJI = [
  ...FIRST_EMOJI,
  ...['😀', '😊', '😍', '🥰', '😘', '😅', '🤣', '🙂', '😉', '😎', '🤔', '🙄', '😴', '🥳', '😭', '😡', '🤯', '🤗', '🤝', '👏', '🙌', '💪', '👀', '🎉', '🔥', '✨', '🌻', '☕', '🍰', '💯', '✅', '👋'],
] as const;
