import type { MailSettings } from './email/mail-server.js';
import type { NoticeKind } from './notice.js';
import type { Receiver } from './receivers.js';
import type { Templates } from './templates.js';

/** Who is told of decisions, of which, and how hard it is tried. */
export interface NotifySettings {
  readonly receivers: readonly Receiver[];
  /** `whsec_…`, with which bodies for webhooks are signed. */
  readonly secret: string | undefined;
  /** Absent: nobody is told by mail. */
  readonly mail?: MailSettings | undefined;
  /** How notifications are worded; absent: as usual. */
  readonly templates?: Templates | undefined;
  readonly on: readonly NoticeKind[];
  /** Where people read the page; without it notifications have no link. */
  readonly pageUrl: string | undefined;
  /** After so many a notification is undeliverable. */
  readonly attempts: number;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** Pause after the first failed attempt; each later one is twice as long. */
  readonly retryAfterMs: number;
}
