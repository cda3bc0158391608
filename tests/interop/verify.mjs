// verify.mjs JWKS_URL ALGORITHM TOKEN: prints the subject of a token that jose accepts; leaves with 1 for any other.
import { createRemoteJWKSet, jwtVerify } from 'jose';

const [url, algorithm, token] = process.argv.slice(2);
try {
    const options = { algorithms: [algorithm], issuer: 'doorward', typ: 'at+jwt' };
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(url)), options);
    console.log(payload.sub);
} catch (error) {
    console.error(error.code ?? error.message);
    process.exit(1);
}
