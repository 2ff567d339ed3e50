/** `pnpm run openapi`: writes `docs/openapi.json`. */
import { writeFileSync } from 'node:fs';
import { describedApi, openapiFile } from './openapi.ts';

writeFileSync(openapiFile, `${JSON.stringify(await describedApi(), null, 2)}\n`);
