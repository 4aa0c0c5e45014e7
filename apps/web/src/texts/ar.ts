import type { Catalog } from './catalog';
import { en } from './en';
export const ar: Catalog = en;
