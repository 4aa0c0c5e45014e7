// What was said, in the recording.

export interface Said {
  mine?: boolean;
  /** Minutes before now. */
  ago: number;
  text?: string;
  answers?: number;
  felt?: [boolean, string][];
  edited?: boolean;
  deleted?: boolean;
  state?: 'waiting' | 'accepted' | 'delivered' | 'read' | 'expired';
  file?: { name: string; mediaType: string; size: number; state: 'moving' | 'paused' | 'complete' | 'failed'; done?: number };
  disappears?: number;
}

const DAY = 1440;

export const TALK: Record<'en' | 'ar', Said[]> = {
  en: [
    { ago: 2 * DAY + 95, text: 'Grandma wants the recipe for your plum cake. She asked three times.' },
    { ago: 2 * DAY + 94, text: 'I said I would ask you nicely. This one, she means: https://cakes.example/plum_(late)' },
    { mine: true, ago: 2 * DAY + 60, text: 'Tell her it is mostly patience. And 200 g of butter.' , felt: [[false, '😂']]},
    { ago: DAY + 380, text: 'Photos from Sunday, finally', file: { name: 'table.png', mediaType: 'image/png', size: 482_113, state: 'complete' } },
    { mine: true, ago: DAY + 371, text: 'Oh, these are lovely. The one with the lamp!', felt: [[false, '❤️'], [true, '❤️']] },
    { mine: true, ago: DAY + 370, deleted: true },
    { ago: 191, file: { name: 'voice-3f2a.ogg', mediaType: 'audio/ogg', size: 41_000, state: 'complete' } },
    { ago: 190, text: 'Are we still on for Thursday? I could bring the folding chairs, and Jonas says that he has a table that nobody uses. It is green, but under a cloth nobody will know.' },
    { ago: 189, file: { name: 'Guest list, final (really final).pdf', mediaType: 'application/pdf', size: 1_240_000, state: 'paused' } },
    { mine: true, ago: 150, text: 'Yes! Seven o’clock.', answers: 7, state: 'read' },
    { mine: true, ago: 149, text: 'And bring the green one. I like green.', edited: true, state: 'read' },
    { ago: 42, text: '🎉' },
    { mine: true, ago: 12, file: { name: 'Seating plan with everybody’s wishes and a few compromises.odt', mediaType: 'application/vnd.oasis.opendocument.text', size: 3_800_000, state: 'moving', done: 21 }, state: 'waiting' },
    { mine: true, ago: 3, text: 'Here is who sits where. Tell me what you think.', state: 'delivered' },
    { ago: 1, text: 'Opening it now', felt: [[true, '👍']] },
  ],
  ar: [
    { ago: 2 * DAY + 95, text: 'جدتي تريد وصفة كعكة البرقوق. سألت عنها ثلاث مرات.' },
    { ago: 2 * DAY + 94, text: 'وعدتها أن أسألك بلطف. تقصد هذه: https://cakes.example/plum_(late)' },
    { mine: true, ago: 2 * DAY + 60, text: 'قولي لها إن السر في الصبر. و200 غرام من الزبدة.', felt: [[false, '😂']] },
    { ago: DAY + 380, text: 'صور يوم الأحد أخيرًا', file: { name: 'table.png', mediaType: 'image/png', size: 482_113, state: 'complete' } },
    { mine: true, ago: DAY + 371, text: 'ما أجملها! خصوصًا التي فيها المصباح.', felt: [[false, '❤️']] },
    { ago: 191, file: { name: 'voice-3f2a.ogg', mediaType: 'audio/ogg', size: 41_000, state: 'complete' } },
    { ago: 190, text: 'هل موعدنا يوم الخميس ما زال قائمًا؟ يمكنني أن أحضر الكراسي، وJonas عنده طاولة لا يستعملها أحد.' },
    { ago: 189, file: { name: 'قائمة الضيوف (النهائية).pdf', mediaType: 'application/pdf', size: 1_240_000, state: 'paused' } },
    { mine: true, ago: 150, text: 'نعم! الساعة السابعة.', answers: 6, state: 'read' },
    { mine: true, ago: 149, text: 'وأحضري الطاولة الخضراء.', edited: true, state: 'read' },
    { ago: 42, text: '🎉' },
    { mine: true, ago: 3, text: 'هذه خطة الجلوس. ما رأيك؟', state: 'delivered' },
    { ago: 1, text: 'أفتحها الآن', felt: [[true, '👍']] },
  ],
};

export const NAMES: Record<'en' | 'ar', string[]> = {
  en: ['Bela Marković', 'Jonas', 'Amina Okafor', 'Theodora', 'Uncle Ravi', 'The one with the drums', 'Book club archive of everything we ever said about everything', 'Mira'],
  ar: ['ليلى حدّاد', 'يونس', 'Amina Okafor', 'ثريا', 'العم رافي', 'صاحب الطبول', 'أرشيف نادي الكتاب وكل ما قلناه عن كل شيء', 'ميرا'],
};

export const LASTS: Record<'en' | 'ar', string[]> = {
  en: ['', 'The train is at 9:40, not 9:14. I mixed them up again, sorry!', 'Did you see the moon?', '', 'I have a new phone', 'Drums at six, all welcome', '', ''],
  ar: ['', 'القطار في 9:40 وليس 9:14. اختلط عليّ الأمر مرة أخرى!', 'Did you see the moon?', '', 'عندي هاتف جديد', 'الطبول في السادسة، أهلًا بالجميع', '', ''],
};

/** Sentences for long conversations and trials. */
export const SENTENCES = [
  'On my way.', 'Can you bring milk?', 'I found the book you lent me years ago. It was under the stairs, next to the box with the old letters, and it still smells of your kitchen.',
  'Ha!', 'Tomorrow then.', 'The bus is late, as ever, and the driver is singing.', 'No idea. Ask Mira, she knows everything about everyone and then some.', 'Yes', 'What do you think of the blue one?',
  'I keep thinking about what you said on the bridge.\n\nMaybe you are right.', 'Good night', 'Look who is here!', 'It works now. Turning it off and on again, who would have thought.', '…and then he just left with the cake.',
];
