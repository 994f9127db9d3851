/** What a mail says. */
export interface MailText {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same for a mail that is sent again, so that readers know it. */
  readonly id: string;
  /** What it belongs to: mails of one thread are shown together. */
  readonly thread: string;
  readonly atMs: number;
}

/** The mail as RFC 5322 and MIME (RFC 2045, 2047) have it, in ASCII whatever it says. */
export function mailMessage({ from, to, subject, text, id, thread, atMs }: MailText): string {
  const host = from.slice(from.lastIndexOf('@') + 1);
  const headers = [
    `From: Teststrip <${from}>`,
    `To: <${to}>`,
    `Subject: ${encodedWords(subject)}`,
    `Date: ${new Date(atMs).toUTCString().replace(/GMT$/, '+0000')}`,
    `Message-ID: <${id}@${host}>`,
    `References: <${thread}@${host}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
  ];
  return [...headers, '', ...linesOf(Buffer.from(text.replaceAll(/\r?\n/g, '\r\n')).toString('base64'))].join('\r\n');
}

const LONGEST_LINE = 76;

function linesOf(base64: string): readonly string[] {
  return base64.match(new RegExp(`.{1,${LONGEST_LINE}}`, 'g')) ?? [''];
}

/** Bytes of text in one encoded word, which with the header's name makes no line longer than 78 characters. */
const LONGEST_WORD = 36;
/** A subject that is shown nowhere as a whole. */
const LONGEST_SUBJECT = 300;

/** A header's text whatever is in it: the ends of lines among it, which would begin another header. */
function encodedWords(text: string): string {
  const words: string[] = [];
  let word = '';
  // By characters, none of which is torn apart.
  for (const character of text.slice(0, LONGEST_SUBJECT)) {
    if (Buffer.byteLength(word + character) > LONGEST_WORD) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((part) => `=?utf-8?B?${Buffer.from(part).toString('base64')}?=`).join('\r\n ');
}
