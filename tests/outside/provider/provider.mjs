// A real identity provider (npm oidc-provider) with its own login page, for one client: REDIRECT_URI and CLIENT_SECRET say which,
// ALGORITHM how it signs ID tokens. Prints its issuer once it serves.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { ALGORITHM, CLIENT_SECRET, REDIRECT_URI } = process.env;
const pair = (type, options) => generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });
const keys = [
  { ...pair('rsa', { modulusLength: 2048 }), kid: 'rsa', use: 'sig' },
  { ...pair('ec', { namedCurve: 'P-256' }), kid: 'ec', use: 'sig' },
  { ...pair('ed25519'), kid: 'ed', use: 'sig' },
];
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'gateway',
        client_secret: CLIENT_SECRET,
        redirect_uris: [REDIRECT_URI],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
        id_token_signed_response_alg: ALGORITHM,
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    // What `email` gives is in the ID token itself, as many providers have it.
    conformIdTokenClaims: false,
    cookies: { keys: ['for the tests alone'] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }),
    }),
    jwks: { keys },
    pkce: { required: () => true },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
