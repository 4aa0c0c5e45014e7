// What was said, in the recording.

import type { Preview } from '../src/lib/worker/contract';

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
  preview?: Preview;
}

const DAY = 1440;

/** A JPEG of two colours, so that nothing has to be drawn. */
const PICTURE = '/9j/4AAQSkZJRgABAQAAAQABAAD/4gHYSUNDX1BST0ZJTEUAAQEAAAHIAAAAAAQwAABtbnRyUkdCIFhZWiAH4AABAAEAAAAAAABhY3NwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAA9tYAAQAAAADTLQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAlkZXNjAAAA8AAAACRyWFlaAAABFAAAABRnWFlaAAABKAAAABRiWFlaAAABPAAAABR3dHB0AAABUAAAABRyVFJDAAABZAAAAChnVFJDAAABZAAAAChiVFJDAAABZAAAAChjcHJ0AAABjAAAADxtbHVjAAAAAAAAAAEAAAAMZW5VUwAAAAgAAAAcAHMAUgBHAEJYWVogAAAAAAAAb6IAADj1AAADkFhZWiAAAAAAAABimQAAt4UAABjaWFlaIAAAAAAAACSgAAAPhAAAts9YWVogAAAAAAAA9tYAAQAAAADTLXBhcmEAAAAAAAQAAAACZmYAAPKnAAANWQAAE9AAAApbAAAAAAAAAABtbHVjAAAAAAAAAAEAAAAMZW5VUwAAACAAAAAcAEcAbwBvAGcAbABlACAASQBuAGMALgAgADIAMAAxADb/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/wAARCAB+APADASIAAhEBAxEB/8QAGwABAQEAAwEBAAAAAAAAAAAAAAMCBAUGAQf/xAA3EAACAgEBAwgIBAcAAAAAAAAAEQECAwQFIdEGEhMVMVFToiJBYXGBkaHBMkRSYjNCcoKSk7H/xAAYAQEBAQEBAAAAAAAAAAAAAAAAAgMBBP/EAB0RAQEBAAMBAAMAAAAAAAAAAAARAQISUQMhMUH/2gAMAwEAAhEDEQA/AOiQRRBGlZRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRtBFEERVxNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRtBFEERVxNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRNBFEEKRRBG0ERVxhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRhBG0EKRRBG0EZ1pGEEbQQpGEEbQQpGEEbQQpGEEbRxtTqqYPRr6V+7uO5d2YZlVmIiHO4hfVYabudzp/acDLmyZZd7P2eomb58vWmfP1zba/9OP5yTnW5Z7IrHwOMC+nFXTF51eb9UR8IEavN+qPlBAHeueO9c8cmNbljtis/ApXX/qx/KThA504udMdnTVYb7udzZ/cXiImHHYdKUxZsmGXSy9nqI35eJ35+O3QRHTaqmf0Z9G/d3nJRhtzZrPcjCCNoI5SMII2ghSMII2ghSMII2ghSKII2giKuMII2ghSMII2ghSMII2ghSOPqb9Dp73jtiNx0czMzMzLmT0Gpw9Np7447Zjd7zz9omtpraFMbpg9Pwk1fF8ABuoAAAAAAAAAAH2JmJiYlTHrO801+m09Lz2zG86OsTa0VrDmd0Qeg02HodPTHPbEb/eYfeTE8n1BG0EeaojCCNoIUjCCNoIUjCCNoIUjj9ZaPxvLPAdZaPxvLPA88C+mOdnoestH43lngOstH43lngeeA6YdnoestH43lngUwazT6nNTDhvN8l5VaxWd/wBDzRTT58umz0zYbzTJSXW0eodMO2veYdjzMRObIvZXicumzNLTtpNv6pPPaPljaIius00W774pX0nidph5T7LyrnZrYp7r0n7MvOPFlu8nZ10uCn4cOOP7YOs2xyfwbRjpMXNw6iP5ojdb38TnYtqaDL/D1mCfZ0kRPyOTS9bw6Wi0d8SzTPx+k5u5tfnOu2bqtn35upxTWPVeN9Z90nEP1K1YtWa2iJie2JOr1XJ3ZupmbdD0Vp9eKeb9OwvOfrbPt68CD1Ofkfven1e7uvX7xwOHk5J7Qp+C2C8ey0x/2Cu2NM+nHf66IHb25NbVjswVt7sleIrya2rPbgrX35K8Rcd78fXUA73HyT2hf8dsFI9tpn/kHMwcj971Gr3d1K/eeA7Y5v045/Xljl6HZuq2hfm6bFNo9d53Vj4ns9Lyd2bppi3Q9LaPXlnnfTsO0rWK1itYiIjsiCd5+M9+3jp9j8n8Gzo6TLzc2on+aY3V93E7O2lwX/Fhxz/bBS960h3tFY75lHGy7U0GL+JrMEezpIfyI38/tju7u18vszS27KTX+mTiZtjzETOHI/ZbiZzcp9l4nzc1ss91KT90dXrOWNpia6PTRXuvll/SOJG8eKs3kln1mn02a2HNeaZKSrVmk7voT6y0fjeWeB0Woz5dTnvmzXm+S8u1p9ZMz6Y17a9D1lo/G8s8B1lo/G8s8DzwHTDs9D1lo/G8s8B1lo/G8s8DzwHTDsAApIAAAAAAAAfYtNZdZmJ74PgA5FNoa3HCx6vPWP25Jj7la7Y2lXs12f43mThA6R2Mbd2pHZrcnxUmo5Q7Vj85b/GvA6wCkx2scpNrR+bn/XXgJ5SbWn83P+uvA6oCkx2c8odqz+ct/jXgZnbu1J7dbk+Cg64CkxzbbY2lbt12f4XmCV9oa3JCyavPaP3ZJn7nHAI+zabS7TMz3yfADgAAAAAAAAAAD//Z';

const PREVIEW: Record<'en' | 'ar', Preview> = {
  en: { address: 'https://cakes.example/plum', title: 'Plum cake for twelve, and for the one who comes late', description: 'Mostly patience, 200 g of butter, and plums that were picked in the rain. Keeps for three days, if anybody lets it.', picture: PICTURE },
  ar: { address: 'https://cakes.example/plum', title: 'كعكة البرقوق لاثني عشر ضيفًا ولمن يتأخر', description: 'صبر كثير، و200 غرام من الزبدة، وبرقوق قُطف تحت المطر. تبقى ثلاثة أيام إن تُركت.', picture: PICTURE },
};

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
    { mine: true, ago: 2, text: 'And the cake, so that nobody says that they did not know: https://cakes.example/plum', state: 'read', preview: PREVIEW.en },
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
    { mine: true, ago: 2, text: 'وهذه الكعكة، كي لا يقول أحد إنه لم يعلم: https://cakes.example/plum', state: 'read', preview: PREVIEW.ar },
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
