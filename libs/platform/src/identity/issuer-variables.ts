import { documented, variables } from '../configuration/variables.js';

/** Which issuer's word counts; read by whoever checks tokens and by whoever sends people there to sign in. */
export const issuerVariables = {
  OIDC_ISSUER: documented(
    variables.url.optional(),
    'Issuer whose signed JSON Web Tokens are taken, beside IDENTITIES or instead of them (OpenID Connect).',
  ),
};
