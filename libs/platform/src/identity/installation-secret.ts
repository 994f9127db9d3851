import { madeOnce } from '../configuration/made-once.js';
import { keepSecret } from '../configuration/secrets.js';
import { newToken } from './bearer-token.js';

/**
 * A random secret of the installation, made where the file is not there yet; logs never show it.
 * @param what it is, for people
 * @throws Error where the file can't be read or made, or holds something shorter
 */
export async function installationSecret(file: string, what: 'token' | 'key'): Promise<string> {
  const secret = (await madeOnce(file, () => `${newToken()}\n`)).trim();
  if (secret.length < 32) throw new Error(`${file} holds no ${what}; delete it, and the next start makes a new one`);
  keepSecret(secret);
  return secret;
}
