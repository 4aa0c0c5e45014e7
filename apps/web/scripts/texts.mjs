// Checks the catalogs of texts: every key of English is in every language and no other, what is filled in is the same, plural forms are
// those that the language has, and every key is used somewhere. Run by `npm run check`; svelte-check sees to keys that do not exist.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

const LANGUAGES = ['en', 'de', 'fr', 'es', 'ar'];
/** Keys that are put together from names of the contract; each pattern stands where it is used. */
const COMPOSED = [/^error\./, /^trouble\./, /^strength\.(empty|common|seconds|minutes|hours|days|months|years|good)$/, /^message\.(waiting|accepted|delivered|read|expired)$/, /^span\./, /^settings\.pace\.(hours|days|weeks)$/, /^state\.(invited|answered|blocked)$/, /^held\./, /^emoji\.(faces|people|nature|food|places|play|things|signs|flags)$/, /^devices\.(waiting|linked|revoked)$/, /^restore\.(file|which|agree|password|server)\.(title|why)$/];

const findings = [];
const catalogs = Object.fromEntries(LANGUAGES.map((language) => [language, catalogOf(language)]));
const english = catalogs.en;

for (const language of LANGUAGES) {
  const catalog = catalogs[language];
  for (const key of Object.keys(english)) if (!(key in catalog)) findings.push(`${language}: ${key} is missing`);
  const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  for (const [key, text] of Object.entries(catalog)) {
    if (!(key in english)) findings.push(`${language}: ${key} is not in English`);
    else if (fillings(text) !== fillings(english[key])) findings.push(`${language}: ${key} fills in other things than English does`);
    if (typeof text !== 'string') for (const form of forms) if (!(form in text) && form !== 'many') findings.push(`${language}: ${key} has no form for ${form}`);
    if (language !== 'en' && typeof text === 'string' && text === english[key] && text.length > 24) findings.push(`${language}: ${key} is still English`);
  }
}

const sources = filesIn('src').filter((path) => /\.(svelte|ts)$/.test(path) && !path.startsWith(join('src', 'texts'))).map((path) => readFileSync(path, 'utf8')).join('\n');
for (const key of Object.keys(english)) {
  if (!COMPOSED.some((pattern) => pattern.test(key)) && !sources.includes(`'${key}'`)) findings.push(`${key} is used nowhere`);
}

for (const finding of findings) console.error(finding);
console.log(`${Object.keys(english).length} texts in ${LANGUAGES.length} languages: ${findings.length === 0 ? 'whole' : `${findings.length} findings`}`);
process.exitCode = findings.length === 0 ? 0 : 1;

function catalogOf(language) {
  const source = readFileSync(join('src', 'texts', `${language}.ts`), 'utf8');
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 } });
  const exports = {};
  new Function('exports', 'require', outputText)(exports, () => ({}));
  return exports[language];
}

// Which names a text fills in; with plural forms, those of the form that all languages have. The number itself may be said in a word.
function fillings(text) {
  const form = typeof text === 'string' ? text : text.other;
  return [...new Set(form.match(/\{\w+\}/g) ?? [])].sort().join(' ');
}

function filesIn(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}
